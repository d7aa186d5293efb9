"""A push takes its base from the packed clone, and only where the remote has it at that moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, files_below, git

from stepherd.errors import NotFoundError
from stepherd.repositories.remote import Remote
from stepherd.repositories.scan import ChangesBlocked
from stepherd.repositories.workspace import pack

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The commits that a push asks the remote for."""
    asked: list[str] = []
    fetch = Remote.fetch_commit

    def fetch_commit(self: Remote, *arguments: object) -> None:
        asked.append("asked")
        fetch(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Remote, "fetch_commit", fetch_commit)
    yield asked


@pytest.fixture
def run(tmp_path: Path, fetched: list[str]) -> Run:
    """A run whose agent has changed something, and is to be pushed."""
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    run.work({"new.txt": "new\n", "README.md": "changed\n"})
    pack(clone_of(run), run.folder / "clone.tar.zst")
    fetched.clear()
    return run


def clone_of(run: Run) -> Path:
    """The clone that the step clone packs."""
    other = Run(run.folder / "again", run.repository)
    if not other.workspace.exists():
        other.clone(files=False)
    return other.workspace


def brought(run: Run) -> Callable[[Path], None]:
    def bring(path: Path) -> None:
        shutil.copy(run.folder / "clone.tar.zst", path)

    return bring


def test_the_remote_is_not_asked_for_what_was_handed_over(run: Run, fetched: list[str]) -> None:
    facts = run.pushed(handed=brought(run))
    assert fetched == []
    assert facts.created
    assert git(run.origin, "show", f"{facts.commit}:new.txt") == "new"
    assert git(run.origin, "rev-parse", f"{facts.commit}^") == git(run.origin, "rev-parse", "main")
    git(run.origin, "fsck", "--strict")
    assert files_below(run.scratch) == []
    assert not run.pushed(handed=brought(run)).created


def test_it_makes_the_same_commit_as_with_the_base_of_the_remote(run: Run, fetched: list[str]) -> None:
    facts = run.pushed(handed=brought(run))
    git(run.origin, "update-ref", "-d", f"refs/heads/{run.branch}")
    assert run.pushed().commit == facts.commit
    assert fetched == ["asked"]


def test_a_base_that_no_branch_is_at_any_more_comes_from_the_remote(run: Run, fetched: list[str]) -> None:
    assert run.facts is not None
    Origin(run.origin.parent).commit({"later": "x"})
    facts = run.pushed(handed=brought(run))
    assert fetched == ["asked"]
    assert git(run.origin, "rev-parse", f"{facts.commit}^") == run.facts.base_commit


@pytest.mark.parametrize("damage", ["gone", "no archive", "cut", "no packs", "a broken pack"])
def test_whatever_is_wrong_with_the_clone_the_remote_has_the_base(
    run: Run, fetched: list[str], damage: str
) -> None:
    archive = run.folder / "clone.tar.zst"
    if damage == "gone":
        archive.unlink()
    elif damage == "no archive":
        archive.write_bytes(b"something else")
    elif damage == "cut":
        archive.write_bytes(archive.read_bytes()[:-20])
    else:
        clone = clone_of(run)
        (found,) = (clone / ".git/objects/pack").glob("*.pack")
        found.chmod(0o600)
        if damage == "no packs":
            found.unlink()
        else:
            found.write_bytes(found.read_bytes()[:-30] + b"x" * 30)
        pack(clone, archive)

    def bring(path: Path) -> None:
        if not archive.exists():
            raise NotFoundError("There is no clone.")
        shutil.copy(archive, path)

    assert run.pushed(handed=bring).created
    assert fetched == ["asked"]


def test_a_base_of_an_agent_s_own_is_not_believed(run: Run, fetched: list[str]) -> None:
    """An agent that can write into the run folder names a commit of its own as the base, in which there is
    already what must not be pushed, and packs a clone that has it."""
    assert run.facts is not None
    clone = clone_of(run)
    git(clone, "read-tree", run.facts.base_commit)
    blob = git(clone, "hash-object", "-w", "--stdin", stdin=f"token = {TOKEN}\n".encode())
    git(clone, "update-index", "--add", "--cacheinfo", f"100644,{blob},stolen.txt")
    tree = git(clone, "write-tree")
    own = git(clone, "commit-tree", "-m", "mine", "-p", run.facts.base_commit, tree)
    git(clone, "update-ref", "refs/heads/main", own)
    git(clone, "repack", "-qad")
    pack(clone, run.folder / "clone.tar.zst")
    changes = git(clone, "mktree", stdin=f"100644 blob {blob}\ta\n".encode())
    changed = git(clone, "commit-tree", "-m", "x", "-p", own, changes)
    git(clone, "update-ref", "refs/stepherd/changes", changed)
    git(clone, "bundle", "create", "-q", str(run.bundle), "refs/stepherd/changes", f"^{own}")
    with pytest.raises((ChangesBlocked, NotFoundError)):
        run.pushed(handed=brought(run), base_commit=own)
    assert fetched == ["asked"]
    assert git(run.origin, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
