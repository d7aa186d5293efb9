"""Folders that others have filled are removed, however they are made, and nothing beside them is touched."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest

from stepherd.services.removal import remove_tree, temporary_folder


def _deep(folder: Path, levels: int) -> None:
    """Folders in one another, far deeper than a path may be long or a function may call itself."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("inner", dir_fd=here)
        below = os.open("inner", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


@pytest.mark.exhaustive
@pytest.mark.parametrize("levels", [1, 5000])
def test_a_deep_folder_is_removed(tmp_path: Path, levels: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    _deep(folder, levels)
    assert remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_goes_whatever_was_put_into_it(tmp_path: Path) -> None:
    with temporary_folder("work-", tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        _deep(folder, 1500)
    assert list(tmp_path.iterdir()) == []


def test_any_tree_is_removed_and_what_its_links_lead_to_stays(tmp_path: Path) -> None:
    for seed in range(40):
        chance = random.Random(seed)
        outside = tmp_path / "outside"
        outside.mkdir(mode=0o755, exist_ok=True)
        (outside / "kept").touch(mode=0o644)
        (outside / "kept").chmod(0o644)
        folder = tmp_path / "folder"
        folder.mkdir()
        folders = [folder]
        for number in range(30):
            place = chance.choice(folders) / f"{chance.choice(('x', '-', ' ', chr(10), chr(0x202E)))}{number}"
            kind = chance.randrange(5)
            if kind < 2:
                place.mkdir()
                folders.append(place)
            elif kind == 2:
                place.symlink_to(chance.choice((outside, outside / "kept", folder, tmp_path / "nowhere")))
            elif kind == 3:
                os.mkfifo(place)
            else:
                os.link(outside / "kept", place)
        for inner in reversed(folders):
            inner.chmod(chance.choice((0o700, 0o500, 0o300, 0o000)))
        assert remove_tree(folder), seed
        assert [path.name for path in tmp_path.iterdir()] == ["outside"]
        assert stat.S_IMODE(outside.stat().st_mode) == 0o755
        assert stat.S_IMODE((outside / "kept").stat().st_mode) == 0o644


def test_a_link_in_the_place_of_a_folder_is_left_with_what_it_leads_to(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    (there / "kept").touch()
    (tmp_path / "link").symlink_to(there)
    assert not remove_tree(tmp_path / "link")
    assert (there / "kept").exists()
    assert stat.S_IMODE(there.stat().st_mode) == 0o755


def test_what_is_not_there_is_gone(tmp_path: Path) -> None:
    assert remove_tree(tmp_path / "nothing")
