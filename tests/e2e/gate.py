"""Meeting an agent in the middle of its work."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.place import Place


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
        """Wait until the agent is there."""
        assert self._here.read_text() == "here\n"

    def open(self) -> None:
        """Let the agent go on."""
        self._go.write_text("go\n")
