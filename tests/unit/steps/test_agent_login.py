"""A login database is taken from an agent's home only where it lies itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.login_files import a_login, stored

import stepherd
from stepherd.agents.registry import get_agent
from stepherd.errors import StepherdError
from stepherd.logins.database import copy_database, read_login
from stepherd.logins.kinds import login_kind, user_database
from stepherd.steps.agent_login import _check_is_plain, place_login_database


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("target", ["", "elsewhere"])
def test_no_link_on_the_way_is_followed_nor_ends_anything(tmp_path: Path, level: int, target: str) -> None:
    path = user_database(login_kind("q"), tmp_path)
    link = [path, *path.parents][level]
    link.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    link.symlink_to(tmp_path / target if target else link.name)
    with pytest.raises((StepherdError, OSError)):
        _check_is_plain(path, tmp_path)
        copy_database(path, tmp_path / "copy.sqlite3")


@pytest.mark.parametrize(
    ("system", "below"), [("linux", ".local/share"), ("darwin", "Library/Application Support")]
)
def test_a_login_is_put_where_the_cli_of_that_system_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, below: str
) -> None:
    monkeypatch.setattr("stepherd.logins.kinds.system", lambda: system)
    monkeypatch.setenv("STEPHERD_LOGIN", str(stored(tmp_path / "data.sqlite3")))
    folders: Any = SimpleNamespace(home=tmp_path / "home")
    with place_login_database(get_agent("q"), folders) as copy:
        assert copy is not None
        path = tmp_path / "home" / below / "amazon-q/data.sqlite3"
        assert read_login(path, login_kind("q")) == a_login()


def test_no_other_module_knows_where_a_cli_keeps_its_data() -> None:
    root = Path(stepherd.__file__).parent
    named = {str(path.relative_to(root)) for path in root.rglob("*.py") if _names_a_data_folder(path)}
    # There is a sandbox on Linux alone, and an example of a command is one for Linux.
    allowed = {"logins/kinds.py", "cli/commands/export_token.py"}
    assert {name for name in named if not name.startswith("processes/sandbox/")} == allowed


def _names_a_data_folder(path: Path) -> bool:
    text = path.read_text()
    joined = ".local" in text and '"share"' in text
    return joined or "Application Support" in text or ".local/share/amazon-q" in text
