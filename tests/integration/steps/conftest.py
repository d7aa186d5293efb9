"""A rig for each test of the steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps import tester
from tests.integration.steps.rig import Rig

from stepherd.agents.registry import _AGENTS


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        yield made


@pytest.fixture
def tester_rig(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A rig whose steps know the agent ``tester``, with a remote."""
    monkeypatch.setitem(_AGENTS, "tester", "tests.integration.steps.tester")
    rig.module = tester.__name__
    rig.make_remote()
    return rig
