"""An agent's session is taken out of its home, whatever others do to that home meanwhile."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepherd.services.redaction import Redactor
from stepherd.steps.agent_folders import AgentFolders
from stepherd.steps.agent_session import keep_session

PATH = ".tester/sessions"


class _Swap:
    """Puts a link to a person's folder into the way, in the moment before something is moved."""

    home: Path | None = None
    link: Path

    def __call__(self, event: str, _arguments: Any) -> None:
        if event == "os.rename" and self.home is not None:
            home, self.home = self.home, None
            os.rename(home / ".tester", home / ".was")  # noqa: PTH104 - as an attacker would
            os.symlink(self.link, home / ".tester")  # noqa: PTH211


SWAP = _Swap()
sys.addaudithook(SWAP)  # There is no way to take one away: it does nothing without a home.


def _keep(tmp_path: Path) -> list[Path]:
    """Keep the session of the home; the archives that were uploaded."""
    uploaded: list[Path] = []
    store = SimpleNamespace(upload=lambda archive, _key: uploaded.append(archive))
    agent: Any = SimpleNamespace(session_paths=(PATH,))
    step: Any = SimpleNamespace(folder=SimpleNamespace(store=store))
    assert keep_session(step, agent, AgentFolders(tmp_path), Redactor(()), "key") is None
    return uploaded


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    (tmp_path / "home" / PATH).mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A person's folder with a file, under the same names."""
    file = tmp_path / "me/sessions/talk"
    file.parent.mkdir(parents=True)
    file.write_text("private")
    return file


def test_a_link_that_comes_into_the_way_moves_nothing_of_the_person(home: Path, private: Path) -> None:
    SWAP.link = private.parents[1]
    SWAP.home = home
    _keep(home.parent)
    assert SWAP.home is None, "the swap was made"
    assert private.read_text() == "private"


@pytest.mark.parametrize("way", [".tester", PATH])
def test_nothing_is_kept_over_a_link(home: Path, private: Path, way: str) -> None:
    (home / PATH).rmdir()
    if way == ".tester":
        (home / way).rmdir()
    (home / way).symlink_to(private.parents[1] if way == ".tester" else private.parent)
    assert _keep(home.parent) == []
    assert private.read_text() == "private"


def test_the_session_is_moved_and_packed(home: Path) -> None:
    (home / PATH / "log").write_text("hello")
    (archive,) = _keep(home.parent)
    assert archive.stat().st_size > 0
    assert not (home / PATH).exists()
