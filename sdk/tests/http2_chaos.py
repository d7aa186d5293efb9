"""A server of HTTP/2 that does odd things at odd moments, chosen by a seed.

The state of the connection is kept by the h2 package as long as the server keeps to the rules; what breaks
them is written as raw frames beside it.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from frames import text

__all__ = ["ChaosServer", "frame"]

DATA, HEADERS, RESET, PING, GO_AWAY, WINDOW = 0, 1, 3, 6, 7, 8
_HEAD = [(":status", "200"), ("content-type", "application/vnd.amazon.eventstream")]
_LIMITS = (0, 1, 2, 100, 2**31 - 1)
_WINDOWS = (0, 1, 65535, 2**31 - 1)
_PAUSES = (0.0, 0.0, 0.01, 0.05)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame as it is on the wire, whatever it may mean."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


class _Over(Exception):
    """The connection is not served any more."""


@dataclass(slots=True)
class _Connection:
    """One connection, and what is done on it."""

    chance: random.Random
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: h2.connection.H2Connection = field(
        default_factory=lambda: h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    )
    opens_windows: bool = True
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self) -> None:
        if self.chance.random() < 0.1:
            await self.nothing()
        if self.chance.random() < 0.3:
            self.state.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = self.chance.choice(
                (0, 1, 65535)
            )
        if self.chance.random() < 0.3:
            self.state.local_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = self.chance.choice(
                _LIMITS
            )
        self.opens_windows = self.chance.random() < 0.7
        self.state.initiate_connection()
        await self.flush()
        answered: set[int] = set()
        while data := await self.reader.read(65536):
            for event in self.state.receive_data(data):
                if isinstance(event, h2.events.DataReceived) and self.opens_windows:
                    self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                stream = self.ready(event)
                if stream is not None and stream not in answered:
                    answered.add(stream)
                    self.tasks.add(asyncio.ensure_future(self.answer(stream)))
            await self.flush()

    def ready(self, event: h2.events.Event) -> int | None:
        """The stream to answer after ``event``: when all of the request is there, and at times before."""
        if isinstance(event, h2.events.StreamEnded):
            return event.stream_id
        if isinstance(event, h2.events.RequestReceived) and self.chance.random() < 0.2:
            return event.stream_id
        return None

    async def answer(self, stream: int) -> None:
        """Answer as it should be, with up to four odd things at any moment of it."""
        acts: list[Callable[[int], object]] = [self.head, self.event, self.event, self.event, self.end]
        for _ in range(self.chance.choice((0, 1, 1, 2, 4))):
            acts.insert(self.chance.randrange(len(acts) + 1), self.chance.choice(self.oddities()))
        try:
            for act in acts:
                await asyncio.sleep(self.chance.choice(_PAUSES))
                done = act(stream)
                if asyncio.iscoroutine(done):
                    await done
                await self.flush()
        except (h2.exceptions.H2Error, OSError, _Over):
            pass
        if self.chance.random() < 0.5:
            return
        self.writer.close()

    def oddities(self) -> list[Callable[[int], object]]:
        return [
            self.reset, self.go_away, self.change_streams, self.change_window, self.ping, self.pings,
            self.grow, self.more, self.trailer, self.half, self.silence, self.close, self.abort, self.junk,
            self.unknown, self.unfinished_head, self.empty,
        ]  # fmt: skip

    async def flush(self) -> None:
        self.writer.write(self.state.data_to_send())
        await self.writer.drain()

    def head(self, stream: int) -> None:
        self.state.send_headers(stream, _HEAD)

    def event(self, stream: int) -> None:
        self.state.send_data(stream, text("x"))

    def end(self, stream: int) -> None:
        self.state.end_stream(stream)

    def reset(self, stream: int) -> None:
        code = self.chance.choice((0, 1, 2, 7, 8, 11, 99))
        self.writer.write(frame(RESET, 0, stream, struct.pack(">I", code)))

    def go_away(self, stream: int) -> None:
        last = self.chance.choice((0, 1, stream, max(stream - 2, 0), 2**31 - 1))
        self.writer.write(frame(GO_AWAY, 0, 0, struct.pack(">II", last, self.chance.choice((0, 1, 11)))))

    def change_streams(self, _: int) -> None:
        self.state.update_settings(
            {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.chance.choice(_LIMITS)}
        )

    def change_window(self, _: int) -> None:
        self.state.update_settings(
            {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self.chance.choice(_WINDOWS)}
        )

    def ping(self, _: int) -> None:
        self.state.ping(bytes(8))

    async def pings(self, _: int) -> None:
        """Ping for ever, and do nothing else."""
        while True:
            self.writer.write(frame(PING, 0, 0, bytes(8)))
            await self.writer.drain()
            await asyncio.sleep(0.02)

    def grow(self, stream: int) -> None:
        self.writer.write(frame(WINDOW, 0, stream, struct.pack(">I", self.chance.choice((0, 1, 2**31 - 1)))))

    def more(self, stream: int) -> None:
        self.state.end_stream(stream)
        self.writer.write(self.state.data_to_send() + frame(DATA, 0, stream, text("more")))

    def trailer(self, stream: int) -> None:
        self.state.send_headers(stream, [("x-after", "1")], end_stream=True)

    def half(self, stream: int) -> object:
        whole = frame(DATA, 0, stream, text("half"))
        self.writer.write(whole[: self.chance.randrange(1, len(whole))])
        return self.chance.choice((self.silence, self.close, self.abort))(stream)

    async def silence(self, _: int) -> None:
        await self.nothing()

    async def nothing(self) -> None:
        """Read and answer nothing more, until the client goes away."""
        await asyncio.sleep(3600)

    def close(self, _: int) -> None:
        self.writer.close()
        raise _Over

    def abort(self, _: int) -> None:
        self.writer.transport.abort()
        raise _Over

    def junk(self, _: int) -> None:
        self.writer.write(self.chance.randbytes(self.chance.randrange(1, 60)))

    def unknown(self, stream: int) -> None:
        self.writer.write(frame(0x77, 0xFF, stream, b"what"))

    def unfinished_head(self, stream: int) -> None:
        self.writer.write(frame(HEADERS, 0, stream, b"\x88"))

    def empty(self, stream: int) -> None:
        self.writer.write(frame(DATA, 0, stream, b"") * 50)


@dataclass(slots=True)
class ChaosServer:
    """The server, in a thread of its own; a context manager."""

    tls: ssl.SSLContext
    seed: int
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _number: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="chaos")
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

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls, backlog=100)
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(_cancel_all())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._number += 1
        connection = _Connection(random.Random(f"{self.seed} {self._number}"), reader, writer)
        try:
            await connection.serve()
        except (OSError, h2.exceptions.H2Error, asyncio.CancelledError):
            pass
        finally:
            for task in connection.tasks:
                task.cancel()
            writer.transport.abort()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
