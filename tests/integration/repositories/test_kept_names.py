"""Each line of work that is kept has a name of its own in the bundle, and the bundle can be read again."""

from __future__ import annotations

from pathlib import Path

from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories import agent_lines, submodule_work
from stepherd.repositories.agent_lines import KeptLine
from stepherd.repositories.bundle import (
    ALL_REF,
    CHANGES_REF,
    COMMITS_REF,
    KEPT_PREFIX,
    RESERVED_NAMES,
    take_bundle,
    write_bundle,
)
from stepherd.repositories.changes import borrow_objects
from stepherd.repositories.git import Git

REFUSED = '[submodule "x"]\n\tpath = x\n\turl = -evil\n'


def line_of(run: Run, branch: str, when: int = 0) -> None:
    git(run.workspace, "checkout", "-qb", branch, "main")
    (run.workspace / "work.txt").write_text(f"{branch}\n")
    git(run.workspace, "add", "work.txt")
    git(run.workspace, "commit", "-qm", branch, GIT_COMMITTER_DATE=f"{1790000000 + when} +0000")
    git(run.workspace, "checkout", "-q", "main")


def kept(run: Run, **more: object) -> tuple[KeptLine, ...]:
    other = run.recorded(**more).other
    assert other is not None
    return other.kept


def check_all_are_there(run: Run, lines: tuple[KeptLine, ...]) -> None:
    there = {f"{line.commit} {KEPT_PREFIX}{line.name}" for line in lines}
    assert len(there) == len(lines)
    assert there <= set(run.heads())


def test_branches_may_be_called_like_what_stepherd_keeps_beside_them(tmp_path: Path) -> None:
    origin, inner = Origin.create(tmp_path / "origin"), Origin.create(tmp_path / "inner")
    git(origin.work, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.bare), "sub")
    origin.commit({}, message="a submodule")
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    names = ("refused", "Refused", "earlier", "submodule-1", "submodule-1-2", "line", "LINE")
    for name in names:
        line_of(run, name)
    modules = (run.workspace / ".gitmodules").read_text()
    run.write({"new.txt": "new\n", ".gitmodules": modules + REFUSED, "sub/inside.txt": "inside\n"})
    lines = kept(run)
    check_all_are_there(run, lines)
    assert {line.subject for line in lines} > set(names)
    assert len({line.name.lower() for line in lines}) == len(lines) == len(names) + 2
    assert {"refused", "submodule-1"} <= {
        line.name for line in lines if line.source in ("the files", "submodule sub")
    }


def test_what_an_earlier_attempt_kept_is_not_written_over(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    run.clone()
    line_of(run, "first")
    first = git(run.workspace, "rev-parse", "first")
    git(run.workspace, "update-ref", f"{KEPT_PREFIX}refused", first)
    git(run.workspace, "branch", "-qD", "first")
    run.write({"new.txt": "new\n", ".gitmodules": REFUSED})
    lines = kept(run)
    check_all_are_there(run, lines)
    assert first in {line.commit for line in lines}


def test_a_name_that_holds_a_secret_is_used_in_no_form(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    run.clone()
    # The oldest comes last: as the third it would be called line-3.
    for when, name in enumerate(("a-opensesame-4711", "line-3", "other")):
        line_of(run, name, when)
    run.write({"new.txt": "new\n"})
    lines = kept(run, known_secrets=["opensesame-4711"])
    check_all_are_there(run, lines)
    assert not any("opensesame" in head for head in run.heads())


def test_the_most_that_a_bundle_holds_can_be_taken_out_again(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    run.clone()
    assert run.facts is not None
    line_of(run, "work")
    work, base = git(run.workspace, "rev-parse", "work"), run.facts.base_commit
    own = [f"submodule-{number + 1}" for number in range(submodule_work._MOST_SUBMODULES)] + [
        "refused",
        "earlier",
    ]
    assert all(RESERVED_NAMES.fullmatch(name) for name in own)
    names = [*own, *(f"{number}-{'x' * 60}" for number in range(agent_lines._MOST_REFS + 1))]
    refs = {f"{KEPT_PREFIX}{name}": work for name in names}
    refs |= dict.fromkeys((ALL_REF, CHANGES_REF, COMMITS_REF), work)
    writer = Git(run.scratch, run.workspace / ".git")
    write_bundle(writer, base, refs, run.bundle)
    reader = Git(run.scratch, run.scratch / "reader.git")
    borrow_objects(reader, run.private_git, base)
    assert take_bundle(reader, run.bundle, base).kept.keys() == set(names)
