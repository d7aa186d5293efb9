from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.errors import ConfigurationError, DataError, StepherdError
from stepherd.repositories.credentials import Access
from stepherd.repositories.git import Git, Limits, create_repository


@pytest.fixture
def git(tmp_path: Path) -> Git:
    git = Git(tmp_path, tmp_path / "x.git")
    create_repository(git)
    return git


def test_a_hook_in_the_repository_itself_does_not_run(git: Git, tmp_path: Path) -> None:
    hook = git.git_dir / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    tree = git.run("x", "write-tree")
    who = {f"GIT_{role}_{part}": "x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    commit = git.run("x", "commit-tree", "-F", "-", tree, stdin=b"x", environment=who)
    git.run("x", "update-ref", "refs/heads/x", commit)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["ext::sh -c id", "https://127.0.0.1:9/x", "ssh://127.0.0.1:9/x", "."])
def test_without_access_git_reaches_no_remote(git: Git, url: str) -> None:
    with pytest.raises(StepherdError, match="not allowed"):
        git.run("Listing", "ls-remote", "--", url)


def test_with_access_to_one_protocol_the_others_stay_closed(git: Git, tmp_path: Path) -> None:
    narrow = Git(tmp_path, git.git_dir, access=Access(protocol="file"))
    assert narrow.run("Listing", "ls-remote", "--", str(git.git_dir)) == ""
    with pytest.raises(StepherdError, match="not allowed"):
        narrow.run("Listing", "ls-remote", "--", "ext::sh -c id")


def test_a_missing_git_is_a_configuration_error(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="not found on PATH"):
        git.run("x", "version")


def test_a_command_that_takes_too_long_is_broken_off(git: Git, tmp_path: Path) -> None:
    import os

    reader, writer = os.pipe()
    slow = Git(tmp_path, git.git_dir, limits=Limits(local_seconds=0.3))
    with os.fdopen(reader, "rb") as never, pytest.raises(DataError, match=r"stopped after 0\.3 s"):
        slow.run("Hashing", "hash-object", "--stdin", stdin=never)
    os.close(writer)
