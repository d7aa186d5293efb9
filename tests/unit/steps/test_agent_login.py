"""A login database is taken from an agent's home only where it lies itself."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
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
from stepherd.steps.agent_login import _bring, place_login_database


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("target", ["", "elsewhere"])
def test_no_link_on_the_way_is_followed_nor_ends_anything(tmp_path: Path, level: int, target: str) -> None:
    path = user_database(login_kind("q"), tmp_path)
    link = [path, *path.parents][level]
    link.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    (private := tmp_path / "private").mkdir()
    link.symlink_to(tmp_path / target if target else link.name)
    with pytest.raises((StepherdError, OSError)):
        copy_database(_bring(path, tmp_path, private), tmp_path / "copy.sqlite3")


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


class _Swap:
    """Puts a link into the way in the moment before the database is opened."""

    folder: Path | None = None
    target: Path

    def __call__(self, event: str, arguments: Any) -> None:
        if event == "open" and self.folder is not None and "data.sqlite3" in str(arguments[0]):
            folder, self.folder = self.folder, None
            os.rename(folder, folder.with_name("was"))  # noqa: PTH104 - as an attacker would
            os.symlink(self.target, folder)  # noqa: PTH211


SWAP = _Swap()
sys.addaudithook(SWAP)  # There is no way to take one away: it does nothing without a folder.


def test_a_link_that_comes_into_the_way_brings_nothing_of_another(tmp_path: Path) -> None:
    path = user_database(login_kind("q"), tmp_path / "home")
    own = user_database(login_kind("q"), tmp_path / "me")
    for each in (path, own):
        each.parent.mkdir(parents=True)
        with closing(sqlite3.connect(each)) as db:
            db.execute(f"create table {'person' if each is own else 'agent'} (x)")
    (private := tmp_path / "private").mkdir()
    SWAP.target, SWAP.folder = own.parent, path.parent
    copy_database(_bring(path, tmp_path / "home", private), tmp_path / "copy.sqlite3")
    assert SWAP.folder is None, "the swap was made"
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as db:
        assert db.execute("select name from sqlite_master").fetchall() == [("agent",)]
