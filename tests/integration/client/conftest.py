"""A home, a remote, and this process's environment as that of a person who has both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.place import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with Place.at(tmp_path / "place") as made:
        live_in(made, monkeypatch)
        yield made


def live_in(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the environment of a place."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
