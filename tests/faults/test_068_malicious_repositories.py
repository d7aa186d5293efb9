"""Fault 68: a hostile repository runs nothing when it is cloned, recorded or pushed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import serve
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.errors import DataError, StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.clone import clone
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.failures import explain
from stepherd.repositories.git import Limits
from stepherd.repositories.scan import ChangesBlocked


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


def entry(origin: Origin, mode: str, path: str, content: bytes) -> None:
    """Put an entry into the index that no careful git would make from a work tree."""
    blob = git(origin.work, "hash-object", "-w", "--stdin", stdin=content)
    git(origin.work, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")


def publish(origin: Origin) -> None:
    git(origin.work, "commit", "-q", "-m", "evil")
    git(origin.work, "push", "-q", str(origin.bare), "HEAD:refs/heads/main")


def go_all_the_way(origin: Origin, tmp_path: Path) -> Run:
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    run.push()
    return run


def test_a_submodule_with_a_carriage_return_in_its_path_writes_no_hook(
    origin: Origin, tmp_path: Path, canary: Path
) -> None:
    """CVE-2025-48384: the path 'sub\\r' and a link 'sub' into .git/modules/…/hooks."""
    inner = Origin.create(tmp_path / "inner", {"post-checkout": f"#!/bin/sh\ntouch {canary}\n"})
    modules = f'[submodule "sub"]\n\tpath = "sub\r"\n\turl = {inner.bare}\n\tupdate = checkout\n'
    entry(origin, "100644", ".gitmodules", modules.encode())
    entry(origin, "120000", "sub", b".git/modules/sub/hooks")
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{inner.tip('main')},sub\r")
    publish(origin)
    with contextlib.suppress(StepherdError):  # git's own check may refuse it altogether
        go_all_the_way(origin, tmp_path)
    assert not canary.exists()
    assert not (tmp_path / "run" / "workspace" / ".git" / "modules").exists()


def test_a_submodule_with_a_command_as_update_runs_nothing(
    origin: Origin, tmp_path: Path, canary: Path
) -> None:
    modules = f'[submodule "x"]\n\tpath = x\n\turl = -u./evil\n\tupdate = !touch {canary}\n'
    entry(origin, "100644", ".gitmodules", modules.encode())
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{origin.tip('main')},x")
    publish(origin)
    with pytest.raises(StepherdError):
        go_all_the_way(origin, tmp_path)
    assert not canary.exists()


def test_a_repositorys_own_submodule_stays_as_it_is(origin: Origin, tmp_path: Path) -> None:
    inner = Origin.create(tmp_path / "inner")
    git(origin.work, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.bare), "sub")
    publish(origin)
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    assert list((run.workspace / "sub").iterdir()) == []
    run.write({"new": "x"})
    # An agent that fetches the submodule to build with it changes nothing of the repository.
    git(run.workspace / "sub", "init", "-q")
    run.write({"sub/file": "x"})
    assert [file.path for file in run.record().files] == ["new"]
    run.push()
    assert git(origin.bare, "ls-tree", run.branch, "sub").startswith("160000")


def write_tree(origin: Origin, *lines: str) -> str:
    return git(origin.work, "mktree", "--missing", stdin="".join(f"{line}\n" for line in lines).encode())


@pytest.mark.parametrize("name", [".GIT", ".Git", "git~1", ".git ", ".g\u200cit"])
def test_a_folder_that_imitates_dot_git_is_refused(
    origin: Origin, tmp_path: Path, canary: Path, name: str
) -> None:
    config = f"[core]\n\tfsmonitor = touch {canary}\n\tbare = false\n".encode()
    blob = git(origin.work, "hash-object", "-w", "--stdin", stdin=config)
    inner = write_tree(origin, f"100644 blob {blob}\tconfig")
    tree = write_tree(origin, f"040000 tree {inner}\t{name}")
    commit = git(origin.work, "commit-tree", "-m", "evil", tree)
    git(origin.work, "push", "-q", "--force", str(origin.bare), f"{commit}:refs/heads/main")
    with pytest.raises(StepherdError):
        go_all_the_way(origin, tmp_path)
    assert not canary.exists()


def test_a_link_named_dot_git_is_refused(origin: Origin, tmp_path: Path, canary: Path) -> None:
    blob = git(origin.work, "hash-object", "-w", "--stdin", stdin=b"evil")
    tree = write_tree(origin, f"120000 blob {blob}\t.git")
    commit = git(origin.work, "commit-tree", "-m", "evil", tree)
    git(origin.work, "push", "-q", "--force", str(origin.bare), f"{commit}:refs/heads/main")
    with pytest.raises(StepherdError):
        go_all_the_way(origin, tmp_path)
    assert not canary.exists()


def test_a_filter_of_the_repository_runs_nothing(origin: Origin, tmp_path: Path, canary: Path) -> None:
    """GIVEN attributes that ask for LFS and for a filter, and a global configuration that would define it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[filter "lfs"]\n\tsmudge = touch {canary}\n\tclean = touch {canary}\n\trequired = true\n'
        f'[filter "evil"]\n\tsmudge = touch {canary}\n\tclean = touch {canary}\n'
    )
    origin.commit({".gitattributes": "*.bin filter=lfs\n*.txt filter=evil\n", "a.bin": "p", "a.txt": "t"})
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(home)
    try:
        run = Run(tmp_path / "run", origin.repository)
        run.work({"b.bin": "x", "b.md": "y"})
        run.push(fetch=lambda _oid, path: path.write_text("x") and None)
        run.write({"b.txt": "y"})
        with pytest.raises(
            ChangesBlocked,
            match=r"b\.txt: its content should pass through the "
            r"filter 'evil'",
        ):
            run.record()
    finally:
        os.environ["HOME"] = before or ""
    assert not canary.exists()
    assert origin.show(run.branch, "b.bin").startswith("version https://git-lfs.github.com/spec/v1\n")


def test_hooks_of_a_template_do_not_reach_the_clone(
    origin: Origin, tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {canary}\n")
    (hooks / "post-checkout").chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    run = go_all_the_way(origin, tmp_path)
    assert not canary.exists()
    assert not (run.workspace / ".git" / "hooks").exists()


def test_a_server_that_offers_a_bundle_address_is_not_followed(origin: Origin, tmp_path: Path) -> None:
    git(origin.bare, "config", "uploadpack.advertiseBundleURIs", "true")
    git(origin.bare, "config", "bundle.version", "1")
    git(origin.bare, "config", "bundle.mode", "all")
    git(origin.bare, "config", "bundle.x.uri", "http://169.254.169.254/bundle")
    run = go_all_the_way(origin, tmp_path)
    assert origin.tip(run.branch)


def test_a_servers_words_lose_their_escape_sequences(origin: Origin, tmp_path: Path) -> None:
    origin.hook(
        "pre-receive", r"printf '\033]52;c;ZXZpbA==\007\033[31mno\033[0m \342\200\256evil\n' >&2; exit 1"
    )
    with serve(origin.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        with pytest.raises(StepherdError) as caught:
            run.push()
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert "no evil" in caught.value.message
    assert "\x1b" not in str(explain("x", "y", "\x1b[31mfatal: \x9b31m no"))


@pytest.mark.parametrize("files", [1, 200])
def test_a_remote_that_sends_more_than_there_is_room_for_is_broken_off(tmp_path: Path, files: int) -> None:
    """Before a pack is there nothing of what it unpacks to can be measured, and it need not have an end."""
    origin = Origin.create(tmp_path / "origin", {f"{number}.bin": "x" for number in range(files)})
    (origin.work / "0.bin").write_bytes(os.urandom(3 << 20))
    git(origin.work, "add", ".")
    publish(origin)

    def clone_within(transferred: int) -> Path:
        folder = tmp_path / str(transferred)
        limits = Limits(transferred=transferred)
        clone(
            origin.repository,
            folder,
            base=None,
            credentials=GitCredentials(),
            scratch=tmp_path / "scratch",
            limits=limits,
            pauses=(),
        )
        return folder

    with pytest.raises(DataError, match="it sends more than"):
        clone_within(1 << 20)
    assert not (tmp_path / f"{1 << 20}").exists()
    assert (clone_within(8 << 20) / "0.bin").stat().st_size == 3 << 20
