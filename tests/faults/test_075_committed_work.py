"""Fault 75: what an agent committed and walked away from is delivered or kept, and is never "no changes"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.changes import Changes


@pytest.fixture
def run(tmp_path: Path) -> Run:
    files = {".gitignore": "cache/\n*.log\n", "a.txt": "a\n", "src/b.txt": "b\n"}
    origin = Origin.create(tmp_path / "origin", files)
    made = Run(tmp_path / "run", origin.repository)
    made.clone()
    return made


def commit(run: Run, text: str, file: str = "a.txt", *, folder: Path | None = None) -> str:
    place = folder or run.workspace
    (place / file).parent.mkdir(parents=True, exist_ok=True)
    (place / file).write_text(text)
    git(place, "add", "-f", file)
    git(place, "commit", "-qm", f"write {text.strip()}")
    return git(place, "rev-parse", "HEAD")


def in_bundle(run: Run) -> dict[str, str]:
    """The bundle's refs, once a plain git has taken it into a fresh clone."""
    clone = run.folder / "taken"
    git(run.folder, "clone", "-q", "--bare", str(run.repository.path), str(clone))
    git(clone, "bundle", "verify", "-q", str(run.bundle))
    git(clone, "fetch", "-q", str(run.bundle), "+refs/*:refs/*")
    out = git(clone, "for-each-ref", "--format=%(refname) %(objectname)", "refs/stepherd")
    return dict(line.split(" ") for line in out.splitlines())


def pushed(run: Run, path: str) -> str:
    facts = run.push()
    return git(Path(run.repository.path), "show", f"{facts.commit}:{path}")


def kept(changes: Changes) -> list[tuple[str, str, bool]]:
    assert changes.other is not None
    return [(line.name, line.source, line.superseded) for line in changes.other.kept]


def _branch(run: Run) -> None:
    git(run.workspace, "checkout", "-qb", "fix")
    commit(run, "x\n")
    git(run.workspace, "checkout", "-q", "main")


def _worktree_inside(run: Run) -> None:
    git(run.workspace, "worktree", "add", "-q", "-b", "fix", ".claude/worktrees/fix")
    commit(run, "x\n", folder=run.workspace / ".claude/worktrees/fix")


def _worktree_uncommitted(run: Run) -> None:
    git(run.workspace, "worktree", "add", "-q", "-b", "fix", "trees/fix")
    (run.workspace / "trees/fix/a.txt").write_text("x\n")


def _worktree_removed(run: Run) -> None:
    git(run.workspace, "worktree", "add", "-q", "--detach", "trees/fix")
    commit(run, "x\n", folder=run.workspace / "trees/fix")
    git(run.workspace, "worktree", "remove", "--force", "trees/fix")


def _worktree_in_an_ignored_folder(run: Run) -> None:
    git(run.workspace, "worktree", "add", "-q", "-b", "fix", "cache/fix")
    commit(run, "x\n", folder=run.workspace / "cache/fix")


def _head_moved_back(run: Run) -> None:
    commit(run, "x\n")
    git(run.workspace, "reset", "-q", "--hard", "HEAD~1")


def _stash(run: Run) -> None:
    (run.workspace / "a.txt").write_text("x\n")
    git(run.workspace, "stash", "-q")


def _stash_dropped(run: Run) -> None:
    _stash(run)
    git(run.workspace, "stash", "drop", "-q")


def _files_put_back(run: Run) -> None:
    commit(run, "x\n")
    git(run.workspace, "checkout", "-q", "HEAD~1", "--", ".")


def _branch_deleted_and_packed(run: Run) -> None:
    _branch(run)
    git(run.workspace, "branch", "-qD", "fix")
    git(run.workspace, "gc", "-q")


def _orphan(run: Run) -> None:
    git(run.workspace, "checkout", "-q", "--orphan", "fix")
    commit(run, "x\n")
    git(run.workspace, "checkout", "-q", "main")


def _amended_on_a_branch(run: Run) -> None:
    git(run.workspace, "checkout", "-qb", "fix")
    commit(run, "w\n")
    (run.workspace / "a.txt").write_text("x\n")
    git(run.workspace, "commit", "-qa", "--amend", "-m", "write x")
    git(run.workspace, "checkout", "-q", "main")


@pytest.mark.parametrize(
    "leave",
    [
        _branch,
        _worktree_inside,
        _worktree_uncommitted,
        _worktree_removed,
        _worktree_in_an_ignored_folder,
        _head_moved_back,
        _stash,
        _stash_dropped,
        _files_put_back,
        _branch_deleted_and_packed,
        _orphan,
        _amended_on_a_branch,
    ],
)
def test_the_only_line_of_work_is_the_result(run: Run, leave: Callable[[Run], None]) -> None:
    leave(run)
    changes = run.record()
    assert [(file.path, file.status) for file in changes.files] == [("a.txt", "M")]
    assert changes.other is not None
    assert changes.other.adopted
    assert changes.other.notes == ()
    assert all(line.superseded for line in changes.other.kept)
    assert pushed(run, "a.txt") == "x"


def test_untracked_files_of_a_stash_are_in_the_result(run: Run) -> None:
    (run.workspace / "a.txt").write_text("x\n")
    (run.workspace / "new.txt").write_text("new\n")
    git(run.workspace, "stash", "-q", "--include-untracked")
    assert [file.path for file in run.record().files] == ["a.txt", "new.txt"]


def test_several_lines_are_kept_and_none_is_pushed(run: Run) -> None:
    _branch(run)
    git(run.workspace, "checkout", "-qb", "try/2")
    commit(run, "y\n")
    commit(run, "z\n")
    git(run.workspace, "checkout", "-q", "main")
    changes = run.record()
    assert changes.commit is None
    assert sorted(kept(changes)) == [("fix", "branch fix", False), ("try-2", "branch try/2", False)]
    refs = in_bundle(run)
    assert set(refs) == {"refs/stepherd/kept/fix", "refs/stepherd/kept/try-2"}
    assert refs["refs/stepherd/kept/try-2"] == git(run.workspace, "rev-parse", "try/2")


def test_other_lines_go_beside_the_changes(run: Run) -> None:
    _branch(run)
    run.write({"new.txt": "new\n"})
    changes = run.record()
    assert [file.path for file in changes.files] == ["new.txt"]
    assert kept(changes) == [("fix", "branch fix", False)]
    assert set(in_bundle(run)) == {"refs/stepherd/changes", "refs/stepherd/kept/fix"}
    assert pushed(run, "a.txt") == "a"


def test_a_line_that_another_contains_is_not_kept_twice(run: Run) -> None:
    _branch(run)
    git(run.workspace, "checkout", "-qb", "more", "fix")
    commit(run, "more\n", "more.txt")
    git(run.workspace, "checkout", "-q", "main")
    changes = run.record()
    assert [file.path for file in changes.files] == ["a.txt", "more.txt"]
    assert kept(changes) == []
    assert changes.other is not None
    assert [commit.subject for commit in changes.other.commits] == ["write x", "write more"]


def test_what_was_amended_or_dropped_is_in_the_bundle_too(run: Run) -> None:
    before = commit(run, "one\n")
    (run.workspace / "a.txt").write_text("two\n")
    git(run.workspace, "commit", "-qa", "--amend", "-m", "write two")
    changes = run.record()
    assert [file.path for file in changes.files] == ["a.txt"]
    assert [superseded for _, _, superseded in kept(changes)] == [True]
    assert before in in_bundle(run).values()


def test_a_file_that_was_committed_on_purpose_counts_though_it_is_ignored(run: Run) -> None:
    commit(run, "found\n", "findings.log")
    commit(run, "gone\n", "cache/gone")
    (run.workspace / "cache/gone").unlink()
    (run.workspace / "findings.log").write_text("found more\n")
    run.write({"cache/left": "ignored\n"})
    changes = run.record()
    assert [(file.path, file.status) for file in changes.files] == [("findings.log", "A")]
    assert pushed(run, "findings.log") == "found more"


def test_a_worktree_does_not_stand_in_the_way_of_the_files(run: Run) -> None:
    _worktree_inside(run)
    run.write({"new.txt": "new\n"})
    changes = run.record()
    assert [file.path for file in changes.files] == ["new.txt"]
    assert kept(changes) == [("fix", "branch fix", False)]


@pytest.mark.parametrize("leave", ["", "other.txt"])
def test_a_worktree_that_was_added_by_mistake_is_no_submodule(run: Run, leave: str) -> None:
    git(run.workspace, "worktree", "add", "-q", "--detach", "trees/x")
    commit(run, "x\n", "x.txt", folder=run.workspace / "trees/x")
    git(run.workspace, "add", "-A")
    git(run.workspace, "commit", "-qm", "by mistake")
    git(run.workspace, "worktree", "remove", "--force", "trees/x")
    git(run.workspace, "reset", "-q", "--hard")
    if leave:
        run.write({leave: "text\n"})
    changes = run.record()
    assert changes.other is not None
    assert [file.path for file in changes.files] == ([leave] if leave else [])
    assert "write x" in [line.subject for line in changes.other.kept]


def test_more_lines_than_a_bundle_lists_hang_below_one(run: Run) -> None:
    stream = "".join(
        f"commit refs/heads/try-{number}\ncommitter A <a@b.c> {number} +0000\ndata 1\n{number % 10}\n"
        f"from refs/heads/main^0\nM 644 inline a.txt\ndata 2\n{number:02}\n"
        for number in range(60)
    )
    git(run.workspace, "fast-import", "--quiet", stdin=stream.encode())
    changes = run.record()
    assert changes.other is not None
    assert len(changes.other.kept) == 41
    refs = in_bundle(run)
    taken = run.folder / "taken"
    made = git(run.workspace, "for-each-ref", "--format=%(objectname)", "refs/heads/try-*").split()
    assert len(made) == 60
    assert set(made) <= set(git(taken, "rev-list", *refs.values()).split())


def test_what_was_fetched_is_not_the_agents_work(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    past = {"GIT_COMMITTER_DATE": "1700000000 +0000"}
    for number in range(3):
        (origin.work / "a.txt").write_text(f"{number}\n")
        git(origin.work, "add", "-A")
        git(origin.work, "commit", "-qm", f"change {number}", **past)
    git(origin.work, "tag", "v1")
    git(origin.work, "push", "-q", str(origin.bare), "HEAD:refs/heads/other", "v1")
    run = Run(tmp_path / "run", origin.repository)
    run.clone(base="main")
    git(run.workspace, "fetch", "-q", "--tags", str(origin.bare), "other:refs/remotes/origin/other")
    git(run.workspace, "branch", "look", "origin/other")
    changes = run.record()
    assert changes.commit is None
    assert kept(changes) == []
    assert not run.bundle.exists()


def test_a_merge_of_what_was_fetched_stands_on_the_base(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    git(origin.work, "checkout", "-qb", "other")
    (origin.work / "o.txt").write_text("other\n")
    git(origin.work, "add", "-A")
    git(origin.work, "commit", "-qm", "other", GIT_COMMITTER_DATE="1700000000 +0000")
    git(origin.work, "push", "-q", str(origin.bare), "other")
    run = Run(tmp_path / "run", origin.repository)
    run.clone(base="main")
    git(
        run.workspace,
        "fetch",
        "-q",
        "--unshallow",
        str(origin.bare),
        "other:refs/remotes/origin/other",
        check=False,
    )
    git(run.workspace, "fetch", "-q", str(origin.bare), "other:refs/remotes/origin/other")
    git(run.workspace, "checkout", "-qb", "mine")
    commit(run, "mine\n", "mine.txt")
    git(run.workspace, "merge", "-q", "--no-edit", "origin/other")
    git(run.workspace, "checkout", "-q", "main")
    changes = run.record()
    assert [file.path for file in changes.files] == ["mine.txt", "o.txt"]
    assert changes.other is not None
    assert changes.other.notes == ()
    in_bundle(run)
    run.push()
