"""A login database is taken from an agent's home only where it lies itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.errors import StepherdError
from stepherd.logins.database import copy_database
from stepherd.steps.agent_login import _check_is_plain, database_path


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("target", ["", "elsewhere"])
def test_no_link_on_the_way_is_followed_nor_ends_anything(tmp_path: Path, level: int, target: str) -> None:
    path = database_path(tmp_path, "amazon-q")
    link = [path, *path.parents][level]
    link.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    link.symlink_to(tmp_path / target if target else link.name)
    with pytest.raises((StepherdError, OSError)):
        _check_is_plain(path, tmp_path)
        copy_database(path, tmp_path / "copy.sqlite3")
