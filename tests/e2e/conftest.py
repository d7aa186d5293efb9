"""The place of each end-to-end test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A home, a remote, and the command line as a process; at the end nothing of it may run."""
    with Place.at(tmp_path / "place") as made:
        yield made
