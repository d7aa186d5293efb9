"""The stream that the async client returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Self

from ._answer import Answer, collect
from ._exchange import StreamFacts
from ._stream_view import StreamView
from ._transport_async import NO_LOOP, NO_LOOP_REMEDY
from .errors import ConfigurationError, StreamBrokenError
from .models import AnyEvent, AssistantResponseEvent

if TYPE_CHECKING:
    import asyncio

__all__ = ["EventStream"]

BUSY = "the stream is being read already"
BUSY_REMEDY = "Read a stream in one place; ask again for a second stream."
CLOSED_WHILE_READ = "the stream was closed while it was being read"


class EventStream(StreamView, AsyncGenerator[AnyEvent, None]):
    """The events of an answer as they come: an async generator that is also an async context manager.

    Nothing is sent before the first event is asked for. Leave it with ``async with`` or ``aclose()`` when you
    stop before the end: that closes the connection. Cancelling the task that reads it does so too.
    """

    def __init__(self, events: AsyncGenerator[AnyEvent, None], facts: StreamFacts) -> None:
        super().__init__(facts)
        self._events = events
        self._current_task = _current_task_of()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._left: asyncio.Event | None = None
        self._closing: asyncio.Lock | None = None

    async def final_answer(self) -> Answer:
        """Read what is left of the stream, close it, and return the whole answer.

        Events that were read before count too. Raises what the stream raises, with the answer so far as
        ``partial``, and TruncatedToolUseError when the stream ends inside of a tool use.
        """
        return await collect(self)

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The pieces of the answer's text, and nothing else; the stream is read by reading this."""
        return self._texts()

    async def _texts(self) -> AsyncIterator[str]:
        async for event in self:
            if isinstance(event, AssistantResponseEvent) and event.content:
                yield event.content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnyEvent:
        if self._closing is not None:
            raise StopAsyncIteration
        self._enter()
        try:
            event = await self._events.__anext__()
        except BaseException as error:
            self._judge(error)
            raise
        finally:
            self._leave()
        self.assembler.add(event)
        return event

    async def asend(self, value: None) -> AnyEvent:  # noqa: ARG002  the signature is that of generators
        """Return the next event."""
        return await self.__anext__()

    async def athrow(self, *error: Any) -> AnyEvent:
        """Raise an error where the stream stands; the connection is closed."""
        self._enter()
        try:
            return await self._events.athrow(*error)
        finally:
            self._leave()

    async def aclose(self) -> None:
        """Close the connection. A task that is reading the stream gets StreamBrokenError."""
        import asyncio

        self._closing = self._closing or asyncio.Lock()
        if self._reader is not None:
            if self._left is None:
                self._left = asyncio.Event()
                self._reader.cancel()
            await self._left.wait()
        async with self._closing:
            await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _enter(self) -> None:
        if self._reader is not None:
            raise ConfigurationError(BUSY, remedy=BUSY_REMEDY)
        # With its loop the task is found in a third of the time.
        self._reader = self._current_task(self._loop) if self._loop is not None else None
        if self._reader is None:
            self._reader = self._task_here()

    def _task_here(self) -> asyncio.Task[Any] | None:
        import asyncio

        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(NO_LOOP, remedy=NO_LOOP_REMEDY) from None
        return asyncio.current_task(self._loop)

    def _leave(self) -> None:
        self._reader = None
        if self._left is not None:
            self._left.set()

    def _judge(self, error: BaseException) -> None:
        """Tell a cancellation by ``aclose`` from one of the task itself."""
        import asyncio

        reader = self._reader
        if reader is None or self._left is None or not isinstance(error, asyncio.CancelledError):
            return
        if reader.uncancel() == 0:
            raise StreamBrokenError(CLOSED_WHILE_READ, request_id=self.request_id) from None


def _current_task_of() -> Callable[[asyncio.AbstractEventLoop], asyncio.Task[Any] | None]:
    import asyncio

    return asyncio.current_task
