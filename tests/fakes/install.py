"""Putting a fake CLI on PATH, with a behaviour of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAKES = Path(__file__).parent

__all__ = ["Fake", "install"]


@dataclass(frozen=True)
class Fake:
    """A fake that is installed."""

    folder: Path
    """To be first on PATH."""
    record: Path

    def starts(self) -> list[dict[str, Any]]:
        """The record of each start: argv, environment, prompt, settings."""
        return (
            [json.loads(line) for line in self.record.read_text().splitlines()]
            if self.record.exists()
            else []
        )

    def notes(self) -> dict[str, Any]:
        """Notes of the last start about itself."""
        return dict(json.loads(Path(f"{self.record}.notes").read_text()))


def install(folder: Path, name: str, **behaviour: Any) -> Fake:
    """A program ``name`` in ``folder`` that behaves so; an installed one changes to it."""
    folder.mkdir(parents=True, exist_ok=True)
    knobs, record = folder / f"{name}.json", folder / f"{name}.record"
    knobs.write_text(json.dumps({"record": str(record), **behaviour}))
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKES / name} {knobs} "$@"\n')
    program.chmod(0o755)
    return Fake(folder, record)
