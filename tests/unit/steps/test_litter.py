"""Litter of a command, told from earlier files and from those changed since."""

from __future__ import annotations

import os
from pathlib import Path

from stepherd.services.removal import remove_tree
from stepherd.steps.litter import files_below, remove_unchanged


def test_only_what_came_meanwhile_and_is_as_it_was_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "before").write_text("x")
    before = files_below(tmp_path)
    for name in ("left", "changed", ".git/theirs"):
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to("before")
    litter = files_below(tmp_path, but=before)
    (tmp_path / "changed").write_text("more")
    (tmp_path / "after").write_text("x")
    remove_unchanged(tmp_path, litter)
    assert {path.name for path in tmp_path.iterdir()} == {".git", "before", "changed", "after"}
    assert (tmp_path / ".git" / "theirs").exists()


def test_folders_that_are_deeper_than_the_stack_are_no_trouble(tmp_path: Path) -> None:
    top, deep = Path.cwd(), 1500
    try:
        os.chdir(tmp_path)
        for _ in range(deep):
            Path("d").mkdir()
            os.chdir("d")
        Path("file").write_text("x")
        os.chdir(top)
        assert len(files_below(tmp_path)) == 1
    finally:
        os.chdir(top)
        remove_tree(tmp_path / "d")  # Whoever cleans up after tests could not.
