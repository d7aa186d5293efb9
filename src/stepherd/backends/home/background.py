"""An engine that continues without this terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.engine.journal.lock import EngineAddress, find_engine
from stepherd.errors import TemporaryError

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine

__all__ = ["BackgroundEngine", "background_engine", "hand_on"]


class BackgroundEngine:
    """A process that loads the engine at once and takes the home when it is told to, or when we die.

    It ends by itself when nothing runs, and when another engine has the home.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._log = home / "logs" / "engine.log"
        self._log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        go_end, self._go = os.pipe()
        self._ready, ready_end = os.pipe()
        # -P: the folder that a person happens to be in may be anybody's, and nothing is imported from there.
        command = [sys.executable, "-P", "-m", "stepherd.cli", "engine", "--home", str(home)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--go-fd", str(go_end), "--ready-fd", str(ready_end)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[go_end, ready_end],
            )
        os.close(go_end)
        os.close(ready_end)

    def take_over(self) -> EngineAddress:
        """Let it take the home, which must be free, and wait until an engine answers there."""
        os.close(self._go)
        with os.fdopen(self._ready) as ready:
            ready.read()  # Ends when the engine listens, or when it died.
        address = find_engine(self._home)
        if address is None:
            raise TemporaryError(
                f"The background engine did not start: {self._last_words()}", remedy=f"See {self._log}."
            )
        # It is meant to outlive this process.
        self._process.returncode = self._process.returncode or 0
        return address

    def give_up(self) -> None:
        """End it: it has taken nothing yet, and is not to."""
        self._process.kill()  # Before its pipe is closed, which would let it take the home.
        self._process.wait()
        os.close(self._go)
        os.close(self._ready)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()[-1:]
        return lines[0].removeprefix("stepherd: ") if lines else "it said nothing"


def background_engine(home: Path) -> EngineAddress:
    """Start an engine in the background and wait until it answers."""
    return BackgroundEngine(home).take_over()


async def hand_on(engine: LocalEngine, *, go_on: bool = False) -> None:
    """Close an engine of ours; what still runs continues in a background engine that has been loaded
    meanwhile.

    With ``go_on`` one takes over although nothing may be left to do.
    """
    go_on = (go_on or engine.unfinished()) and engine.engine.failure is None
    successor = BackgroundEngine(engine.home) if go_on else None
    await engine.close(leave_tasks=go_on)
    if successor:
        successor.take_over()
