"""Giving folders to the agent's user, and taking them back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepherd.processes.account import Account
from stepherd.services.removal import remove_tree

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
THEM = Account(65534, 65534)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A folder with folders, files and links."""
    root = tmp_path / "tree"
    (root / "deep/deeper").mkdir(parents=True)
    (root / "deep/deeper/file").write_text("x")
    (root / "link").symlink_to(tmp_path)
    yield root
    os.chown(root, os.geteuid(), os.getegid())
    assert remove_tree(root)  # The removal of the tests' folders cannot do it, where they are deep.


def owners(root: Path) -> set[int]:
    return {path.lstat().st_uid for path in (root, *root.rglob("*"))}


@as_root
def test_all_is_given_and_all_is_taken_back_also_what_the_user_closed(tree: Path) -> None:
    THEM.give([tree])
    assert owners(tree) == {65534}
    assert tree.parent.stat().st_uid == 0
    (tree / "deep/deeper").chmod(0o000)
    THEM.take([tree])
    assert owners(tree) == {0}
    assert (tree / "deep/deeper").stat().st_mode & 0o700 == 0o700
    assert tree.parent.stat().st_uid == 0


@as_root
def test_a_file_with_a_second_name_elsewhere_is_not_given_away(tree: Path) -> None:
    outside = tree.parent / "ours"
    outside.write_text("ours")
    os.link(outside, tree / "deep/second-name")
    THEM.give([tree])
    assert outside.stat().st_uid == 0


@as_root
def test_folders_deeper_than_a_path_may_be_are_given_and_taken_back(tree: Path) -> None:
    here = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(2000):
        os.mkdir("inner", dir_fd=here)
        below = os.open("inner", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    THEM.give([tree])
    assert os.fstat(here).st_uid == 65534
    os.fchmod(here, 0o000)
    THEM.take([tree])
    assert os.fstat(here).st_uid == 0
    assert os.fstat(here).st_mode & 0o700 == 0o700
    os.close(here)


@as_root
def test_what_was_taken_back_is_changed_by_nobody_who_has_it_open(tree: Path) -> None:
    THEM.give([tree])
    for folder in (tree, tree / "deep", tree / "deep/deeper"):
        folder.chmod(0o777)
    handles = [os.open(folder, os.O_RDONLY) for folder in (tree, tree / "deep", tree / "deep/deeper")]
    THEM.take([tree])
    child = os.fork()
    if child == 0:
        changed = 0
        os.setgroups([])
        os.setresgid(65533, 65533, 65533)
        os.setresuid(65533, 65533, 65533)
        for handle in handles:
            try:
                os.symlink("/root", "planted", dir_fd=handle)
                changed += 1
            except PermissionError:
                continue
        os._exit(changed)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for handle in handles:
        os.close(handle)


@as_root
@pytest.mark.parametrize("owner", [0, 65533])
def test_a_file_of_another_that_was_linked_in_is_neither_read_nor_taken(tree: Path, owner: int) -> None:
    outside = tree.parent / "theirs"
    outside.write_text("secret")
    os.chown(outside, owner, owner)
    THEM.give([tree])
    os.link(outside, tree / "deep/linked")
    assert THEM.take([tree]) == ["deep/linked"]
    assert not (tree / "deep/linked").exists()
    assert outside.stat().st_uid == owner
    assert outside.read_text() == "secret"


@as_root
def test_hard_links_of_the_user_s_own_stay_however_often_they_are_taken(tree: Path) -> None:
    """As package managers make them; once they are taken, ``give`` leaves them as they are."""
    THEM.give([tree])
    os.link(tree / "deep/deeper/file", tree / "deep/second")
    known: set[tuple[int, int]] = set()
    for _ in range(2):
        assert THEM.take([tree], known) == []
        assert (tree / "deep/second").read_text() == "x"
        THEM.give([tree])
