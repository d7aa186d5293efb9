"""After their folders were renewed, no handle leads to files any more."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stepherd.services import fresh_folders
from stepherd.services.fresh_folders import FoldersChanged, renew_folders


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "a/b").mkdir(parents=True)
    (top / "a/b/file").write_text("x")
    (top / "a/link").symlink_to("/etc")
    os.mkfifo(top / "a/pipe")
    return top


def handles_below(top: Path) -> list[int]:
    return [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder, _, _ in os.walk(top)]


def test_what_is_done_through_a_handle_of_before_is_not_seen(tree: Path) -> None:
    handles = handles_below(tree)
    renew_folders(tree)
    before = sorted(tree.rglob("*"))
    for handle in handles:
        for name in ("file", "new"):
            try:
                os.symlink("/etc/passwd", name, dir_fd=handle)
            except OSError:
                continue  # The folder is gone.
        os.close(handle)
    assert sorted(tree.rglob("*")) == before
    assert not (tree / "a/b/file").is_symlink()
    assert [path.name for path in tree.parent.iterdir()] == ["top"]


def test_all_else_stays_as_it_was(tree: Path) -> None:
    (tree / "a/b").chmod(0o2550)
    (tree / "a").chmod(0o000)
    os.utime(tree / "a", ns=(1, 1_000_000_007))
    before = tree.stat().st_ino
    (tree / "a").chmod(0o700)
    inode = (tree / "a/b/file").stat().st_ino
    (tree / "a").chmod(0o000)
    renew_folders(tree)
    assert tree.stat().st_ino != before
    assert (tree / "a").stat().st_mtime_ns == 1_000_000_007
    assert stat.S_IMODE((tree / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tree / "a/b").stat().st_mode) & 0o777 == 0o750
    assert (tree / "a/b/file").stat().st_ino == inode
    assert (tree / "a/link").readlink() == Path("/etc")
    assert (tree / "a/pipe").is_fifo()


@pytest.mark.exhaustive
def test_any_depth_will_do(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(800):
        os.mkdir("inner", dir_fd=here)
        below = os.open("inner", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    renew_folders(top)
    os.close(here)
    assert fresh_folders.remove_tree(top)  # The removal of the tests' folders cannot do it.


def test_a_folder_that_comes_in_the_place_of_a_file_is_not_taken(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def swapped(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if source == "file":
            os.unlink("file", dir_fd=src_dir_fd)
            os.mkdir("file", dir_fd=src_dir_fd)
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", swapped)
    with pytest.raises(FoldersChanged):
        renew_folders(tree)


def test_a_folder_that_is_moved_away_meanwhile_is_not_left_by_its_new_parent(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, elsewhere = os.rename, tree.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "foreign").write_text("x")

    def moved(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if source == "file":
            rename(tree / "a/b", elsewhere / "b")

    monkeypatch.setattr(os, "rename", moved)
    with pytest.raises(FoldersChanged):
        renew_folders(tree)
    assert (elsewhere / "foreign").exists()
