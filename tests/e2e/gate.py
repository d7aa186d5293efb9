"""Meeting an agent in the middle of its work."""

from __future__ import annotations

import os
import select
from pathlib import Path

from tests.e2e.place import Place

_PATIENCE_SECONDS = 45


class Gate:
    """An agent that says when it is there, and goes on when it is told: by two pipes, no clock."""

    def __init__(self, place: Place, name: str = "gate") -> None:
        self._here, self._go = place.root / f"{name}.here", place.root / f"{name}.go"
        for pipe in (self._here, self._go):
            os.mkfifo(pipe)
        body = f"echo begun >> {place.root}/count; echo half > half.txt; echo working\n"
        body += f"echo here > {self._here}; read word < {self._go}; echo $word > whole.txt"
        self.command = place.script(body, f"{name}.sh")

    @property
    def pipes(self) -> tuple[Path, Path]:
        """Where "here" is to be written, and from where to read before going on."""
        return self._here, self._go

    def await_agent(self) -> None:
        """Wait until the agent is there; fails when it does not come."""
        # For writing, too: to open it for reading alone would wait for ever for an agent that never begins.
        pipe = os.open(self._here, os.O_RDWR | os.O_NONBLOCK)
        try:
            assert select.select([pipe], [], [], _PATIENCE_SECONDS)[0], "the agent does not come"
            assert set(os.read(pipe, 100).split()) == {b"here"}
        finally:
            os.close(pipe)

    def open(self) -> None:
        """Let the agent go on."""
        self._go.write_text("go\n")
