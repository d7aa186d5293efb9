"""Looking at runs while engines come and go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stepherd.backends.client import Call, EngineGone
from stepherd.backends.home import engines
from stepherd.engine.core import Engine
from stepherd.engine.journal.lock import EngineAddress, HomeLock


def test_an_engine_that_ends_while_it_is_asked_is_not_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a home whose engine is there when it is looked for, and ends when it is asked
    Engine(tmp_path).journal.close()
    lock = HomeLock(tmp_path)
    assert lock.acquire()
    lock.publish(EngineAddress("http://127.0.0.1:9", "key", 1))

    def ending(_address: EngineAddress, _home: Path) -> Call:
        def call(_operation: str, _request: Mapping[str, Any]) -> dict[str, Any]:
            lock.release()
            raise EngineGone("The engine is ending.")

        return call

    monkeypatch.setattr(engines, "remote_call", ending)
    # WHEN the runs are asked for THEN the journal that it left answers
    with engines.reading(tmp_path) as call:
        assert call("ListStateMachines", {}) == {"stateMachines": []}
    # AND the home is free again
    assert lock.acquire()
    lock.release()
