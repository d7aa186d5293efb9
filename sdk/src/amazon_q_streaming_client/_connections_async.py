"""The connections of the async client, and the answer that is open on one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from ._connections import Connection, Connections, all_taken, is_opened
from ._http import Http, TimeLimits
from ._operations import WireRequest
from ._settings import ResponseHead, Settings
from ._transport import head_of

if TYPE_CHECKING:
    import asyncio

    import httpx

__all__ = ["Pool", "Response"]


class Pool:
    """The connections, and the wait for one where as many are open as may be."""

    def __init__(self, settings: Settings) -> None:
        import asyncio

        self.http = Http(settings, "AsyncClient")
        self._limit = settings.max_connections
        self._connections = Connections(self.http, self._limit)
        self._places = None if self.http.is_own else asyncio.Semaphore(self._limit)
        self.moves = 0
        """Counts what is read from answers and which are closed: while it grows, waiting is worth while."""

    async def take(self, url: str, seconds: float) -> Connection:
        """Return the connection for a request, which must be given back.

        Raises ConfigurationError if the client is closed, also meanwhile, or when all connections are taken
        by answers that nobody reads for ``seconds``.
        """
        if self._places is None:
            return self._connections.take(url)
        if self._places.locked():
            await self._wait_for_place(self._places, seconds)
        else:
            await self._places.acquire()
        try:
            return self._connections.take(url)
        except BaseException:
            self._places.release()
            raise

    async def _wait_for_place(self, places: asyncio.Semaphore, seconds: float) -> None:
        import asyncio

        waiting = asyncio.ensure_future(places.acquire())
        try:
            moves = -1
            while not waiting.done():
                if moves == self.moves:
                    raise all_taken(self._limit, seconds)
                moves = self.moves
                await asyncio.wait([waiting], timeout=seconds)
            waiting.result()
        except BaseException:
            if not waiting.cancel() and not waiting.cancelled():
                places.release()
            raise

    def opened(self, connection: Connection, stream: Any) -> None:
        """Note the network ``stream`` of a connection. Raises ConfigurationError if the client is closed."""
        self._connections.opened(connection, stream)

    async def give_back(self, connection: Connection, *, whole: bool, stale: bool) -> None:
        """The answer on ``connection`` is closed; see Connections."""
        self.moves += 1
        try:
            old = self._connections.give_back(connection, whole=whole, stale=stale)
            if old:
                await _close_all(old)
        finally:
            if self._places is not None:
                self._places.release()

    def end(self) -> list[Any]:
        """End every wait for a connection and give out no more; return what is to close."""
        clients, taken = self._connections.end()
        if self._places is not None:
            # It goes from one call that waits to the next, as each of them finds the client closed.
            self._places.release()
        streams = [each.stream for each in taken if each.stream is not None]
        return [*clients, *(each.client for each in taken), *streams]

    async def aclose(self) -> None:
        """Close every connection, unless they are the user's, and end every wait for one."""
        closing = self.end()
        if closing:
            await _in_any_case(_close_all(closing))


async def _close_all(closing: Iterable[Any]) -> None:
    """Close them; one that cannot be closed is gone already, and keeps none of the others open."""
    import asyncio

    await asyncio.gather(*(each.aclose() for each in closing), return_exceptions=True)


class Response:
    """The response that is open at the moment, if one is."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._open: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._limits: TimeLimits | None = None
        self._whole = self._stale = False
        self._opening: Any = None
        """The network stream that was opened for the request, until it is answered."""

    async def send(self, request: WireRequest) -> ResponseHead:
        self._whole = self._stale = False
        connection = self._connection = await self._pool.take(request.url, request.timeout)
        message = self._pool.http.message(connection.client, request)
        self._limits = message.extensions["timeout"]
        if not self._pool.http.is_own:
            message.extensions["trace"] = self._trace
        mark = connection.begin(self._limits)
        try:
            response: httpx.Response = await connection.client.send(
                message, stream=True, follow_redirects=False
            )
        except Exception:
            self._stale = self._opening is None
            raise
        self._open, self._opening = response, None
        connection.check_answer(mark)
        self._chunks = response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()
        return head_of(response)

    async def _trace(self, event: str, details: Any) -> None:
        """Note a new network stream, which the library leaves open when it is cancelled in a handshake."""
        if is_opened(event):
            assert self._connection is not None
            self._opening = details["return_value"]
            self._pool.opened(self._connection, self._opening)

    async def receive(self) -> bytes | None:
        assert self._chunks is not None
        assert self._limits is not None
        self._limits.restart()
        chunk = await anext(self._chunks, None)
        self._whole = chunk is None
        self._pool.moves += 1
        return chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # In a task of its own: cancelled halfway, it would leave the connection in use for ever.
            await _in_any_case(self._close(connection))

    async def _close(self, connection: Connection) -> None:
        response, self._open = self._open, None
        opening, self._opening = self._opening, None
        try:
            if response is not None:
                await response.aclose()
            elif opening is not None:
                await opening.aclose()
        finally:
            await self._pool.give_back(connection, whole=self._whole, stale=self._stale)


async def _in_any_case(work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` to its end, although this task is cancelled meanwhile; then be cancelled."""
    import asyncio

    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
