"""The files that are written from a clone's objects are those that the clone would have checked out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git
from tests.integration.repositories.test_conversion import ATTRIBUTES, BLOBS, begin

from stepherd.errors import DataError
from stepherd.repositories import base_copy
from stepherd.repositories.base_copy import has_no_files, write_files
from stepherd.repositories.unpack import UnpackLimits


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below it but ``.git``: kind and mode, and the bytes or where a link leads."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        name, mode = path.relative_to(folder).as_posix(), path.lstat().st_mode
        if name.split("/")[0] == ".git":
            continue
        if stat.S_ISLNK(mode):
            found[name] = mode, bytes(path.readlink())
        else:
            found[name] = mode, path.read_bytes() if path.is_file() else b""
    return found


def state(run: Run) -> list[str]:
    """Git's view of HEAD, the branches, the settings and the files. It is made to read each: else it depends
    on the clock which of those it reads that a conversion makes other than their objects."""
    for path in run.workspace.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(run.workspace).parts:
            os.utime(path, (1e9, 1e9), follow_symlinks=False)
    words = (
        ("rev-parse", "HEAD"),
        ("symbolic-ref", "-q", "HEAD"),
        ("for-each-ref",),
        ("config", "--local", "--list"),
        ("status", "--porcelain", "--branch"),
        ("ls-files", "--stage"),
    )
    return [git(run.workspace, *each, check=False) for each in words]


def both_ways(folder: Path, origin: Origin, base: str | None = None) -> tuple[Run, Run]:
    """The base checked out by the clone, and written afterwards."""
    whole, written = Run(folder / "whole", origin.repository), Run(folder / "written", origin.repository)
    whole.clone(base)
    facts = written.clone(base, files=False)
    assert has_no_files(written.workspace)
    assert not (written.workspace / ".git/index").exists()
    write_files(written.workspace, written.private_git, facts.base_commit, written.scratch)
    return whole, written


def assert_same(whole: Run, written: Run) -> None:
    assert contents(written.workspace) == contents(whole.workspace)
    assert state(written) == state(whole)
    assert list(written.scratch.iterdir()) == []


def test_every_kind_of_entry_comes_out_as_git_checks_it_out(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    blob = git(origin.bare, "hash-object", "-w", "--stdin", stdin=b"one\r\ntwo\n$Id$\n")
    link = git(origin.bare, "hash-object", "-w", "--stdin", stdin=b"../../outside")
    lists = git(origin.bare, "hash-object", "-w", "--stdin", stdin=b"* text eol=crlf ident\n")
    listing = "".join(
        f"{mode} {each}\t{name}\n"
        for mode, each, name in (
            ("100644", lists, ".gitattributes"),
            ("100644", blob, "!before the attributes"),
            ("100755", blob, "in/a folder/program"),
            ("100644", lists, "in/.gitattributes"),
            ("120000", link, "in/link"),
            ("160000", origin.tip("main"), "a submodule"),
            ("100644", blob, "caf\udce9"),
        )
    )
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    git(origin.bare, "update-index", "--add", "--index-info", stdin=listing.encode("utf-8", "surrogateescape"), **index)  # fmt: skip  # noqa: E501
    tree = git(origin.bare, "write-tree", **index)
    commit = git(origin.bare, "commit-tree", "-m", "all kinds", tree)
    git(origin.bare, "update-ref", "refs/heads/main", commit)
    assert_same(*both_ways(tmp_path, origin))
    (tmp_path / "by id").mkdir()
    assert_same(*both_ways(tmp_path / "by id", origin, commit))


@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_conversions_are_those_of_a_checkout(tmp_path: Path, attributes: str) -> None:
    whole = begin(tmp_path, BLOBS, f"* {attributes}\n" if attributes else "")
    written = Run(tmp_path / "written", whole.repository)
    facts = written.clone(files=False)
    write_files(written.workspace, written.private_git, facts.base_commit, written.scratch)
    assert contents(written.workspace) == contents(whole.workspace)


@pytest.mark.parametrize("base", ["v1", "other", None])
def test_a_tag_a_branch_and_the_default_are_named_as_in_a_whole_clone(
    tmp_path: Path, base: str | None
) -> None:
    origin = Origin.create(tmp_path / "origin")
    origin.commit({"more": "x"}, branch="other")
    git(origin.bare, "tag", "-m", "first", "v1", "main")
    assert_same(*both_ways(tmp_path, origin, base))


def test_the_settings_and_hooks_of_a_clone_that_another_wrote_to_do_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    facts = run.clone(files=False)
    marker = tmp_path / "ran"
    (run.workspace / ".git/hooks").mkdir()
    hook = run.workspace / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    for config in (run.workspace / ".git/config", run.private_git / "config"):
        with config.open("a") as file:
            file.write(f'[core]\nfsmonitor = "touch {marker}"\n[filter "x"]\nsmudge = touch {marker}; cat\n')
    for place in (run.workspace / ".git", run.private_git):
        (place / "info").mkdir(exist_ok=True)
        (place / "info/attributes").write_text("* filter=x\n")
    write_files(run.workspace, run.private_git, facts.base_commit, run.scratch)
    assert (run.workspace / "README.md").read_text() == "hello\n"
    assert not marker.exists()


def test_an_index_that_is_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    facts = run.clone(files=False)
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (run.workspace / ".git/index").symlink_to(outside)
    write_files(run.workspace, run.private_git, facts.base_commit, run.scratch)
    assert outside.read_text() == "mine"
    assert git(run.workspace, "status", "--porcelain") == ""


def test_a_git_folder_that_is_a_link_gets_no_index(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    facts = run.clone(files=False)
    outside = tmp_path / "outside"
    (run.workspace / ".git").rename(outside)
    (run.workspace / ".git").symlink_to(outside)
    with pytest.raises(DataError, match="leads elsewhere"):
        write_files(run.workspace, run.private_git, facts.base_commit, run.scratch)
    assert not (outside / "index").exists()
    assert sorted(path.name for path in run.workspace.iterdir()) == [".git"]


def test_a_tree_that_is_too_large_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    facts = run.clone(files=False)
    monkeypatch.setattr(base_copy, "LIMITS", UnpackLimits(entries=1))
    with pytest.raises(DataError, match="more than 1 files"):
        write_files(run.workspace, run.private_git, facts.base_commit, run.scratch)
    assert has_no_files(run.workspace)
