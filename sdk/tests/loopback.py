"""A loopback server that speaks both wire forms, over HTTP/1.1 and HTTP/2, and can break every rule.

It runs in a thread with an event loop of its own, so that the blocking client can use it too. What it answers
is written by each test as a coroutine ``handler(request, reply)``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

from loopback_http1 import serve_http1
from loopback_http2 import serve_http2

__all__ = ["Loopback", "Reply", "Request"]

_EVENT_STREAM = "application/vnd.amazon.eventstream"
_PATHS = {
    "/generateAssistantResponse": "GenerateAssistantResponse",
    "/SendMessageStreaming": "SendMessage",
    "/ListAvailableModels": "ListAvailableModels",
    "/ListAvailableProfiles": "ListAvailableProfiles",
    "/getUsageLimits": "GetUsageLimits",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the client sent; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    protocol: str

    @property
    def form(self) -> str:
        return "awsJson1.0" if "x-amz-target" in self.headers else "restJson1"

    @property
    def operation(self) -> str:
        """The operation, in either wire form."""
        target = self.headers.get("x-amz-target")
        return target.partition(".")[2] if target else _PATHS[urlsplit(self.target).path]

    @property
    def members(self) -> dict[str, Any]:
        """The members of the request, from the body or the query."""
        if self.body:
            document: dict[str, Any] = json.loads(self.body)
            return document
        return dict(parse_qsl(urlsplit(self.target).query))


class Wire(Protocol):
    """One response on one connection."""

    async def head(self, status: int, headers: dict[str, str]) -> None: ...
    async def data(self, data: bytes) -> None: ...
    async def end(self) -> None: ...
    async def cut(self) -> None: ...
    async def reset(self) -> None: ...


@dataclass(slots=True)
class Reply:
    """How a handler answers."""

    wire: Wire
    ended: bool = False

    async def head(self, status: int = 200, **headers: str) -> None:
        """Send the head of a response; underscores in header names mean hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.wire.head(status, {"content-type": _EVENT_STREAM, "x-amzn-requestid": "req-1", **named})

    async def data(self, *pieces: bytes) -> None:
        for piece in pieces:
            await self.wire.data(piece)

    async def end(self) -> None:
        self.ended = True
        await self.wire.end()

    async def cut(self) -> None:
        """Close the connection without ending the response."""
        self.ended = True
        await self.wire.cut()

    async def reset(self) -> None:
        """Reset the connection (the stream, with HTTP/2)."""
        self.ended = True
        await self.wire.reset()

    async def stream(self, *pieces: bytes) -> None:
        """Answer with an event stream."""
        await self.head()
        await self.data(*pieces)
        await self.end()

    async def document(self, document: object, status: int = 200, **headers: str) -> None:
        """Answer with JSON."""
        await self.head(status, **{"content_type": "application/json", **headers})
        await self.data(json.dumps(document).encode())
        await self.end()


Handler = Callable[[Request, Reply], Awaitable[None]]


async def _unexpected(_request: Request, reply: Reply) -> None:
    await reply.document({"__type": "InternalServerException", "message": "no handler"}, 500)


@dataclass(slots=True)
class Loopback:
    """The server; a context manager."""

    handler: Handler = _unexpected
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    accepted: int = 0
    failures: list[BaseException] = field(default_factory=list)
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _thread: threading.Thread | None = None
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="loopback")
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(10)
        self._loop.close()
        if error is None and self.failures:
            raise self.failures[0]

    def wait_idle(self, seconds: float = 5.0) -> None:
        """Wait until no connection is open; raise TimeoutError when some stay."""
        asyncio.run_coroutine_threadsafe(self.idle(), self._loop).result(seconds)

    async def idle(self) -> None:
        """Wait until no connection is open."""
        while self.connections:
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def here(self) -> AsyncIterator[Self]:
        """Run in the event loop of the caller, without a thread."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._server.close()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls, backlog=1024)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._shutdown())

    async def _shutdown(self) -> None:
        assert self._server is not None
        self._server.close()
        current = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.accepted += 1
        session = writer.get_extra_info("ssl_object")
        serve = serve_http2 if session and session.selected_alpn_protocol() == "h2" else serve_http1
        try:
            await serve(reader, writer, self._answer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001  a fault of a handler fails the test, at exit
            self.failures.append(error)
        finally:
            self.connections -= 1
            writer.close()

    async def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes, protocol: str, wire: Wire
    ) -> None:
        request = Request(method, target, headers, body, protocol)
        self.requests.append(request)
        reply = Reply(wire)
        await self.handler(request, reply)
        if not reply.ended:
            await reply.end()
