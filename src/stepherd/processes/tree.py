"""A process and everything that it starts, as whoever supervises it sees them."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

__all__ = ["Command", "Launcher", "Proof", "Tree"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command to start as the leader of a process tree."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it: nothing is inherited."""
    folder: Path
    """The folder that the command starts in."""
    stdin: bool = False
    """Whether something will be written to it; else its standard input is /dev/null."""
    umask: int = -1
    """Its file mode creation mask; -1 leaves it that of this process."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The state of a tree after its end."""

    state: Literal["proven", "unproven", "alive"]
    """``proven``: no process of it is left, and none can come. ``unproven``: none was found, and this machine
    offers no way to be sure. ``alive``: some were left when the time for ending them was over."""
    reason: str = ""
    """Why it is not proven, as a sentence for the report; empty when it is."""


class Tree(Protocol):
    """A leader, which is the command itself, and everything that descends from it."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """The leader's standard input, unbuffered, when there is something to say to it."""

    @property
    def stdout(self) -> IO[bytes]:
        """The leader's output, unbuffered. Descendants may hold it open after the leader's end."""

    @property
    def stderr(self) -> IO[bytes]:
        """The leader's standard error, like ``stdout``."""

    def fileno(self) -> int | None:
        """A descriptor that is readable once the leader has ended; None where there is none: then poll."""

    def poll(self) -> int | None:
        """The leader's exit code, 128 + n for signal n; None while it runs. Also reaps orphans, where that is
        this process's to do, so call it now and then."""

    def signal(self, number: signal.Signals, *, everyone: bool) -> None:
        """Send a signal to the leader's process group, or to every process of the tree. Never an error: the
        tree may have ended."""

    def busy(self) -> bool:
        """Whether a process lives besides the leader. False where that cannot be known."""

    def end(self) -> Proof:
        """Kill all that is left, wait until it is gone, close the pipes and say what is known. Idempotent."""


class Launcher(Protocol):
    """Starts commands in some kind of containment."""

    def start(self, command: Command) -> Tree:
        """Start it. Raises OSError, as exec does, when the program cannot be started (ENOENT: not found);
        StepherdError when the containment itself cannot be had."""
