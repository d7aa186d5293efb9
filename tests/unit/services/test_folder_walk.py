"""All that others have put into a folder is found, and what they have closed is opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stepherd.services.folder_walk import FolderWalk
from stepherd.services.removal import remove_tree


def _deep(folder: Path, levels: int) -> None:
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("inner", dir_fd=here)
        below = os.open("inner", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_everything_is_found_with_its_way_and_each_folder_is_done_after_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/c/file").touch()
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "z").mkdir()
    done: list[str] = []
    walk = FolderWalk(tmp_path, done=lambda name, _parent: done.append(name))
    assert [walk.prefix + found.name for found in walk] == ["a", "b", "z", "b/c", "b/c/file"]
    assert done == ["c", "b", "z"]


@pytest.mark.exhaustive
def test_folders_deeper_than_a_path_may_be_are_gone_through(tmp_path: Path) -> None:
    try:
        _deep(tmp_path, 3000)
        assert sum(1 for _ in FolderWalk(tmp_path)) == 3001
    finally:
        assert remove_tree(tmp_path)  # The removal of the tests' folders cannot do it.


def test_what_its_owner_closed_is_opened(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed/file").touch(mode=0o000)
    (tmp_path / "closed").chmod(0o000)
    found = {each.name: each.is_readable() for each in FolderWalk(tmp_path)}
    assert found == {"closed": True, "file": True}
    assert stat.S_IMODE((tmp_path / "closed").stat().st_mode) == 0o500
    assert stat.S_IMODE((tmp_path / "closed/file").stat().st_mode) == 0o400


def test_neither_what_a_link_leads_to_nor_a_file_with_a_second_name_is_changed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    inside.mkdir()
    outside.touch()
    (inside / "link").symlink_to(outside)
    os.link(outside, inside / "second")
    outside.chmod(0o000)
    for found in FolderWalk(inside):
        found.is_readable()
    assert stat.S_IMODE(outside.stat().st_mode) == 0


def test_no_pipe_is_opened_and_no_folder_that_is_not_to_be_entered(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder/inner").mkdir(parents=True)
    names = []
    for found in FolderWalk(tmp_path):
        names.append(found.name)
        found.enter = False
    assert names == ["folder", "pipe"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(FolderWalk(tmp_path / "absent"))
