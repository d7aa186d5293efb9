"""Tests of what an ordinary user gets. Root runs them by tests/e2e/test_as_an_ordinary_user.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.place import Place

collect_ignore_glob = ["test_*.py"] if os.geteuid() == 0 or not sys.platform.startswith("linux") else []


@pytest.fixture
def place(tmp_path: Path, require: Callable[[str], str]) -> Iterator[Place]:
    """A home, a remote, and the command line as a process; at the end nothing of it may run."""
    require("bwrap")
    with Place.at(tmp_path / "place") as made:
        del made.environment["STEPHERD_RUNNER"]
        yield made
