"""An amendment that no one asked for changes nothing."""

from __future__ import annotations

from pathlib import Path

from stepherd.runs.amendments import amended_run, forget_amendment, write_amendment
from stepherd.services.store.opening import open_store


def test_a_planted_amendment_is_forgotten_by_a_redrive_without_options(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    write_amendment(store, "run_1", 1, {"branch": "main", "allow": "**"})
    forget_amendment(store, "run_1", 1)
    run = {"run_id": "run_1", "request_digest": "x", "instructions_digest": "y"}
    assert amended_run(store, run, 1) == run
    # AND nothing is made where there is none
    forget_amendment(store, "run_1", 2)
    assert not store.exists("amendments/run_1/2.json")
