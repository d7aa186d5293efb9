"""Fault 62: an agent hangs without output: the silence limit ends it, and its work is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def test_a_silent_agent_is_stopped_at_the_silence_limit(rig: Rig) -> None:
    rig.prepare(command="sh -c 'echo half > new.txt; exec sleep 300'")
    rig.steps("clone")
    assert rig.step("agent", STEPHERD_SILENCE_SECONDS="1").returncode == 1
    result = rig.result("agent")
    assert result.error is not None
    assert "printed nothing for 1 s" in result.error.message
    assert result.facts["bundle"]
