"""The lines of an events.jsonl, held against the published schema."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from stepherd.runs.folder import RunFolder
from stepherd.services.store.contract import ObjectNotFound

__all__ = ["check_all_events", "check_events", "event_schema", "recorded_events"]


@cache
def event_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(files("stepherd.events").joinpath("events.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return schema


def recorded_events(folder: RunFolder) -> list[dict[str, Any]]:
    """The events of a run; none when it has come to none."""
    try:
        body = folder.store.get("events.jsonl").body
    except ObjectNotFound:
        return []
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


def check_all_events(home: Path) -> None:
    """The events of every run below ``home``."""
    for path in home.glob("store/runs/*/events.jsonl"):
        check_events(json.loads(line) for line in path.read_bytes().splitlines())


def check_events(events: Iterable[dict[str, Any]]) -> None:
    """Fail at the first event that does not follow the schema. Of those of one shape a hundred do."""
    seen: Counter[frozenset[str]] = Counter()
    validator = Draft202012Validator(event_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
    for event in events:
        shape = frozenset((*event, f"type {event.get('type')}"))
        seen[shape] += 1
        if seen[shape] > 100:
            continue
        error = next(validator.iter_errors(event), None)
        assert error is None, f"{event}: {error.message if error else ''}"
