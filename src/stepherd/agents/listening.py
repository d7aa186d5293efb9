"""Both directions of talking with an agent: its output, through its reader, and the answers it is given."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, TypeVar

from stepherd.agents.contract import PlainReader, Reader, Stream
from stepherd.events.vocabulary import Event, Output

__all__ = ["Listener", "Speech"]

_PIECE = 1 << 16
_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class Listener:
    """A reader that may be wrong: when it raises, that is noted, and from then on lines are just output."""

    reader: Reader
    tell: Callable[[Event], None]
    error: str | None = None
    done: bool = False
    turns: int = 0
    cost_usd: float = 0.0

    @property
    def needs_all(self) -> bool:
        """Whether lines must come to it that no one keeps."""
        return self.error is None and self.reader.needs_all

    def hear(self, stream: Stream, lines: Iterable[str]) -> None:
        """Lines that the agent printed."""
        for line in lines:
            for event in self._safely(lambda line=line: self.reader.feed(stream, line), None) or ():  # type: ignore[misc]
                self.tell(event)
            if self.error is not None:
                self.tell(Output(stream, line))
        self.done, self.turns, self.cost_usd = self._safely(self._state, (self.done, 0, 0.0))

    def notice(self, text: str) -> bytes | None:
        """Passes the reader's answer on, safely."""
        return self._safely(lambda: self.reader.notice(text), None)

    def facts(self) -> Mapping[str, Any]:
        """Passes the reader's answer on, safely."""
        return self._safely(self.reader.facts, {})

    def _state(self) -> tuple[bool, int, float]:
        return self.reader.done, self.reader.turns, self.reader.cost_usd

    def _safely(self, ask: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
        if self.error is not None:
            return otherwise
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - the agent's work must not be lost for it
            traceback.print_exc(file=sys.stderr)
            self.error = repr(error)
            self.reader = PlainReader()
            return otherwise


@dataclass(slots=True)
class Speech:
    """The input of an agent, written as fast as it takes it and no faster."""

    pipe: IO[bytes]
    keep_open: bool
    """Whether more may follow what is pending now."""
    pending: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def begin(self) -> None:
        """Never wait for an agent that does not read."""
        os.set_blocking(self.pipe.fileno(), False)

    @property
    def waits(self) -> bool:
        """Whether there is something to write, or to close, when the pipe has room."""
        return not self.closed and (bool(self.pending) or not self.keep_open)

    def write(self) -> None:
        """Write what the pipe takes now; at the end of it, close it unless more may follow."""
        try:
            taken = os.write(self.pipe.fileno(), memoryview(self.pending)[:_PIECE]) if self.pending else 0
        except BlockingIOError:
            return
        except OSError:
            # It closed its stdin: it wants to hear no more.
            self.close()
            return
        del self.pending[:taken]
        if not self.pending and not self.keep_open:
            self.close()

    def close(self) -> None:
        """The end of the file."""
        if not self.closed:
            self.closed = True
            self.pipe.close()
