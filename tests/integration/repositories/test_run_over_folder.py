from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, files_below, git, text_below

from stepherd.errors import CannotCreateError, DataError, NotFoundError, UsageError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.changes import FileChange
from stepherd.repositories.probe import probe
from stepherd.repositories.push import BranchTaken


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def run(tmp_path: Path, origin: Origin) -> Run:
    return Run(tmp_path / "run", origin.repository)


def test_a_change_travels_from_clone_to_branch_as_one_commit_on_the_base(origin: Origin, run: Run) -> None:
    base = origin.tip("main")
    changes = run.work({"new.txt": "one\ntwo\n", "README.md": "changed\n"})
    facts = run.push()

    assert changes.files == (FileChange("README.md", "M", 1, 1), FileChange("new.txt", "A", 2, 0))
    assert origin.tip(run.branch) == facts.commit
    assert facts.created
    assert git(origin.bare, "rev-parse", f"{facts.commit}^") == base
    assert origin.show(run.branch, "new.txt") == "one\ntwo"
    assert git(origin.bare, "show", "-s", "--format=%an %ae %cn %at", facts.commit) == (
        "Robot robot@example.com Robot 1795256100"
    )
    assert set(origin.refs()) == {"refs/heads/main", "refs/heads/stepherd/run_1"}
    assert files_below(run.scratch) == []


def test_the_clone_is_shallow_on_its_branch_and_has_no_push_address(origin: Origin, run: Run) -> None:
    origin.commit({"more": "x"})
    facts = run.clone()
    assert (facts.base_ref, facts.default_branch) == ("main", "main")
    assert git(run.workspace, "rev-list", "--count", "HEAD") == "1"
    assert git(run.workspace, "status", "--short", "--branch") == "## main...origin/main"
    assert git(run.workspace, "remote", "get-url", "origin") == "/dev/null/team.git"
    assert str(origin.folder).encode() not in text_below(run.workspace)
    run.write({"x": "x"})
    git(run.workspace, "add", "x")
    git(run.workspace, "commit", "-qm", "by the agent")
    assert git(run.workspace, "push", "origin", "main", check=False) == ""
    assert origin.tip("main") == facts.base_commit
    assert not (run.workspace / ".git" / "hooks").exists()


@pytest.mark.parametrize("name", ["feature/x", "v1", "annotated", "refs/heads/feature/x", "an id"])
def test_a_base_may_be_a_branch_a_tag_a_ref_or_an_id(origin: Origin, run: Run, name: str) -> None:
    first = git(origin.work, "rev-parse", "HEAD")
    wanted = origin.commit({"f": "x"}, branch="feature/x")
    git(origin.work, "tag", "v1")
    git(origin.work, "tag", "-m", "note", "annotated")
    git(origin.work, "push", "-q", "--tags", str(origin.bare))
    assert wanted != first

    facts = run.clone(base=wanted if name == "an id" else name)

    assert facts.base_commit == wanted
    assert (run.workspace / "f").exists()
    run.write({"y": "y"})
    run.record()
    assert git(origin.bare, "rev-parse", f"{run.push().commit}^") == wanted


def test_a_base_that_does_not_exist_is_named_with_the_default_branch(origin: Origin, run: Run) -> None:
    with pytest.raises(NotFoundError, match="'nope' does not exist") as caught:
        run.clone(base="nope")
    assert "'main'" in caught.value.remedy
    with pytest.raises(NotFoundError, match="no branch"):
        run.clone(base="0" * 39 + "1")
    assert not run.workspace.exists()


def test_an_empty_repository_is_refused_with_the_next_step(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    run = Run(tmp_path / "run", parse_repository(str(tmp_path / "empty.git")))
    with pytest.raises(NotFoundError, match="no commits") as caught:
        run.clone()
    assert "first commit" in caught.value.remedy


def test_probe_reads_the_default_branch_and_the_base(origin: Origin, run: Run) -> None:
    facts = probe(origin.repository, run.credentials, run.scratch, "main")
    assert (facts.default_branch, facts.base_commit) == ("main", origin.tip("main"))
    with pytest.raises(NotFoundError):
        probe(origin.repository, run.credentials, run.scratch, "other")
    assert files_below(run.scratch) == []


def test_a_repository_with_a_detached_head_can_be_cloned_and_pushed_to(origin: Origin, run: Run) -> None:
    git(origin.work, "checkout", "-q", "--detach")
    run.repository = parse_repository(str(origin.work))
    assert run.clone().default_branch is None
    run.write({"x": "x"})
    run.record()
    commit = run.push().commit
    assert git(origin.work, "rev-parse", "stepherd/run_1") == commit
    with pytest.raises(UsageError, match="default branch"):
        run.push(branch="main")


def test_sha256_repositories_work_as_well(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin", object_format="sha256")
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    commit = run.push().commit
    assert len(commit) == 64
    assert origin.tip(run.branch) == commit


def test_the_default_branch_is_pushed_only_when_allowed_by_name(origin: Origin, run: Run) -> None:
    run.work()
    with pytest.raises(UsageError, match="default branch"):
        run.push(branch="main")
    commit = run.push(branch="main", allow_default_branch=True).commit
    assert origin.tip("main") == commit


def test_a_branch_with_other_commits_is_never_overwritten(origin: Origin, run: Run) -> None:
    run.work()
    theirs = origin.commit({"theirs": "x"}, branch="feature")
    with pytest.raises(BranchTaken, match="other commits") as caught:
        run.push(branch="feature")
    assert "--branch" in caught.value.remedy
    assert origin.tip("feature") == theirs


def test_a_branch_that_stands_at_the_base_is_moved_forward(origin: Origin, run: Run) -> None:
    run.work()
    git(origin.bare, "branch", "feature", "main")
    commit = run.push(branch="feature").commit
    assert origin.tip("feature") == commit


def test_a_later_attempt_of_the_same_run_continues_its_branch(origin: Origin, run: Run) -> None:
    run.work({"a": "partial\n"})
    partial = run.push(message="Partial work").commit
    run.write({"a": "whole\n"})
    run.record()
    whole = run.push(message="Whole work")
    again = run.push(message="Whole work")

    assert git(origin.bare, "rev-parse", f"{whole.commit}^") == partial
    assert (again.commit, again.created) == (whole.commit, False)
    assert origin.log(run.branch) == ["Whole work", "Partial work", "change"]


def test_another_runs_branch_is_not_continued(origin: Origin, run: Run) -> None:
    run.work({"a": "one\n"})
    first = run.push(branch="shared", run_id="run_other").commit
    run.write({"a": "two\n"})
    run.record()
    with pytest.raises(BranchTaken):
        run.push(branch="shared")
    assert origin.tip("shared") == first


def test_a_persons_commit_on_the_runs_branch_is_kept(origin: Origin, run: Run) -> None:
    run.work({"a": "one\n"})
    run.push()
    git(origin.work, "fetch", "-q", str(origin.bare), run.branch)
    git(origin.work, "checkout", "-q", "FETCH_HEAD")
    theirs = origin.commit({"review": "x"}, branch=run.branch)
    run.write({"a": "two\n"})
    run.record()
    with pytest.raises(BranchTaken):
        run.push()
    assert origin.tip(run.branch) == theirs


def test_a_push_that_arrived_is_found_below_what_a_person_has_added(origin: Origin, run: Run) -> None:
    run.work()
    commit = run.push().commit
    git(origin.work, "fetch", "-q", str(origin.bare), run.branch)
    git(origin.work, "checkout", "-q", "FETCH_HEAD")
    theirs = origin.commit({"new.txt": "better\n"}, branch=run.branch)
    again = run.push()
    assert (again.commit, again.created) == (commit, False)
    assert origin.tip(run.branch) == theirs
    # AND another run's push of the very same tree is no proof of this one's
    with pytest.raises(BranchTaken):
        run.push(run_id="run_2")


def test_a_branch_below_another_branch_is_refused_with_its_name(origin: Origin, run: Run) -> None:
    git(origin.bare, "branch", "stepherd", "main")
    run.work()
    with pytest.raises(CannotCreateError, match="has the branch 'stepherd'"):
        run.push()


def test_the_agents_own_commits_become_part_of_the_one_commit(origin: Origin, run: Run) -> None:
    run.clone()
    run.write({"a": "1"})
    git(run.workspace, "add", "-A")
    git(run.workspace, "commit", "-qm", "agent one")
    run.write({"b": "2"})
    run.record()
    run.push()
    assert origin.log(run.branch) == ["Do the work", "change"]
    assert (origin.show(run.branch, "a"), origin.show(run.branch, "b")) == ("1", "2")


def test_the_tree_is_recorded_with_modes_links_odd_names_and_without_ignored_files(
    origin: Origin, run: Run
) -> None:
    origin.commit({".gitignore": "build/\n", "old/name": "x\n", "kind": "file\n"})
    run.clone()
    (run.workspace / "kind").unlink()
    run.write({"build/out.o": "x", "tab\tnew\nline": "x", "ümlaut ": "y", "kind/now": "a folder\n"})
    (run.workspace / "run.sh").write_text("#!/bin/sh\n")
    (run.workspace / "run.sh").chmod(0o755)
    (run.workspace / "link").symlink_to("src/app.py")
    (run.workspace / "old" / "name").unlink()
    changes = run.record()
    run.push()
    listing = git(origin.bare, "ls-tree", "-r", "-z", run.branch).split("\0")
    modes = {entry.split("\t", 1)[1]: entry[:6] for entry in listing if entry}
    assert modes["run.sh"] == "100755"
    assert modes["link"] == "120000"
    assert modes["tab\tnew\nline"] == "100644"
    assert modes["kind/now"] == "100644"
    assert "build/out.o" not in modes
    assert "old/name" not in modes
    assert {file.path: file.status for file in changes.files}["old/name"] == "D"


def test_a_folder_replaced_by_a_link_is_recorded(origin: Origin, run: Run) -> None:
    run.clone()
    (run.workspace / "src" / "app.py").unlink()
    (run.workspace / "src").rmdir()
    (run.workspace / "lib").mkdir()
    (run.workspace / "lib" / "app.py").write_text("x")
    (run.workspace / "src").symlink_to("lib")
    assert [(file.path, file.status) for file in run.record().files] == [
        ("lib/app.py", "A"),
        ("src", "A"),
        ("src/app.py", "D"),
    ]


def test_a_bundle_that_was_not_recorded_here_is_refused(origin: Origin, run: Run) -> None:
    run.work()
    good = run.bundle.read_bytes()
    for bad in (b"", b"hello", b"# v2 git bundle\n\n", good[:-30], good[:-30] + bytes(30)):
        run.bundle.write_bytes(bad)
        with pytest.raises(DataError):
            run.push()
    run.bundle.unlink()
    with pytest.raises(NotFoundError):
        run.push()
    assert set(origin.refs()) == {"refs/heads/main"}


def test_a_bundle_on_another_base_is_refused(origin: Origin, run: Run) -> None:
    run.work()
    other = origin.commit({"z": "z"})
    with pytest.raises(DataError, match="stand on"):
        run.push(base_commit=other)


def test_a_gone_workspace_is_a_clear_error(run: Run) -> None:
    run.clone()
    run.workspace.rename(run.folder / "elsewhere")
    with pytest.raises(DataError, match="is gone"):
        run.record()


def test_a_destination_with_content_is_refused(run: Run) -> None:
    run.workspace.mkdir(parents=True)
    (run.workspace / "x").write_text("x")
    with pytest.raises(CannotCreateError, match="not empty"):
        run.clone()
