"""The stream that the blocking client returns."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Self

from ._answer import Answer, collect_sync
from ._exchange import StreamFacts
from ._stream import BUSY, BUSY_REMEDY
from ._stream_view import StreamView
from .errors import ConfigurationError
from .models import AnyEvent, AssistantResponseEvent

__all__ = ["EventStreamSync"]


class EventStreamSync(StreamView, Generator[AnyEvent, None, None]):
    """The events of an answer as they come: a generator that is also a context manager.

    Nothing is sent before the first event is asked for. Leave it with ``with`` or ``close()`` when you stop
    before the end: that closes the connection.
    """

    def __init__(self, events: Generator[AnyEvent, None, None], facts: StreamFacts) -> None:
        super().__init__(facts)
        self._events = events
        self._lock = threading.Lock()

    def final_answer(self) -> Answer:
        """Read what is left of the stream, close it, and return the whole answer.

        Events that were read before count too. Raises what the stream raises, with the answer so far as
        ``partial``, and TruncatedToolUseError when the stream ends inside of a tool use.
        """
        return collect_sync(self)

    @property
    def text_stream(self) -> Iterator[str]:
        """The pieces of the answer's text, and nothing else; the stream is read by reading this."""
        return self._texts()

    def _texts(self) -> Iterator[str]:
        for event in self:
            if isinstance(event, AssistantResponseEvent) and event.content:
                yield event.content

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AnyEvent:
        if not self._lock.acquire(blocking=False):
            raise ConfigurationError(BUSY, remedy=BUSY_REMEDY)
        try:
            event = next(self._events)
        finally:
            self._lock.release()
        self.assembler.add(event)
        return event

    def send(self, value: None) -> AnyEvent:  # noqa: ARG002  the signature is that of generators
        """Return the next event."""
        return next(self)

    def throw(self, *error: Any) -> AnyEvent:
        """Raise an error where the stream stands; the connection is closed."""
        with self._alone():
            return self._events.throw(*error)

    def close(self) -> None:
        """Close the connection; raise ConfigurationError while another thread reads the stream."""
        with self._alone():
            self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise ConfigurationError(BUSY, remedy=BUSY_REMEDY)
        try:
            yield
        finally:
            self._lock.release()
