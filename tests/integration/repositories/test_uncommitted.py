"""Changes that a clone of a local repository leaves behind, told without running anything of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.repositories.origin import git

from stepherd.repositories.uncommitted import uncommitted, uncommitted_remark

NAMES = ("a.txt", "b c.txt", "dir/d", "new", "späte.md", "dir/new")
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "stage", "chmod"]), st.sampled_from(NAMES)), max_size=5
)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEPHERD_USER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "home").mkdir()
    return made(tmp_path / "work")


def made(folder: Path) -> Path:
    (folder / "dir").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name in NAMES[:3]:
        (folder / name).write_text("old\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=one")
    return folder


def found(folder: Path, scratch: Path) -> set[str]:
    scratch.mkdir()
    return set(uncommitted(folder, scratch))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS)
def test_it_finds_what_git_status_finds(
    actions: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("any")
    folder = made(root / "work")
    for action, name in actions:
        path = folder / name
        if action == "write":
            path.write_text("changed\n")
        elif action == "remove":
            path.unlink(missing_ok=True)
        elif action == "chmod" and path.exists():
            path.chmod(0o755)
        elif action == "stage":
            git(folder, "add", "--all")
    words = ["git", "-C", str(folder), "status", "--porcelain", "--no-renames", "-z"]
    said = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    assert found(folder, root / "scratch") == {entry[3:] for entry in said.split("\0") if entry}


def test_nothing_that_the_repository_names_is_run_and_nothing_is_written(work: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    evil.chmod(0o755)
    (work / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for key in ("filter.evil.clean", "filter.evil.process", "core.fsmonitor", "diff.evil.textconv",
                "core.alternateRefsCommand", "core.sshCommand", "alias.status"):  # fmt: skip
        git(work, "config", key, f"!{evil}" if key.startswith("alias") else str(evil))
    git(work, "config", "core.hooksPath", str(tmp_path))
    git(work, "config", "core.worktree", str(tmp_path))
    (work / "a.txt").write_text("changed\n")
    before = {path: path.stat().st_mtime_ns for path in sorted((work / ".git").rglob("*"))}
    assert found(work, tmp_path / "scratch") == {"a.txt", ".gitattributes"}
    assert not ran.exists()
    assert {path: path.stat().st_mtime_ns for path in sorted((work / ".git").rglob("*"))} == before


def test_what_the_person_never_commits_is_not_named(work: Path, tmp_path: Path) -> None:
    (work / "x.log").write_text("x")
    (work / ".DS_Store").write_text("x")
    (work / "mine").write_text("x")
    (work / ".git" / "info").mkdir(exist_ok=True)
    (work / ".git" / "info" / "exclude").write_text("mine\n")
    (tmp_path / "home" / ".gitconfig").write_text("[core]\n\texcludesFile = ~/ignored\n")
    (tmp_path / "home" / "ignored").write_text(".DS_Store\n")
    assert found(work, tmp_path / "scratch") == set()


def test_a_linked_work_tree_is_its_own(work: Path, tmp_path: Path) -> None:
    git(work, "worktree", "add", "--quiet", str(tmp_path / "other"))
    (work / "a.txt").write_text("changed\n")
    (tmp_path / "other" / "new").write_text("new\n")
    assert found(tmp_path / "other", tmp_path / "scratch") == {"new"}


def test_where_it_cannot_be_told_nothing_is_said(work: Path, tmp_path: Path) -> None:
    git(work, "clone", "--quiet", "--bare", str(work), str(tmp_path / "bare"))
    assert found(tmp_path / "bare", tmp_path / "scratch") == set()
    (work / ".git" / "index").write_bytes(os.urandom(100))
    assert found(work, tmp_path / "scratch2") == set()


def test_the_remark_names_the_first_and_counts_the_rest() -> None:
    assert uncommitted_remark((), Path("/app")) == ""
    assert uncommitted_remark(("a",), Path("/app")).startswith("a in /app is not committed")
    assert uncommitted_remark(tuple("abcde"), Path("/app")).startswith("a, b, c and 2 more in /app are not")
