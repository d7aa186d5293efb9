"""A server of HTTP/2 that breaks its rules: that is the server's fault, and worth another try."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import pytest

from amazon_q_streaming_client import QStreamingClient, RetryPolicy, TransportError, collect
from frames import text
from http2_chaos import frame

DATA, HEADERS, RESET, PUSH, GO_AWAY, WINDOW = 0, 1, 3, 5, 7, 8
END_HEADERS, PADDED = 0x4, 0x8
OK = b"\x88"
"""The status 200, as the table of HPACK has it."""


FAULTS = {
    "headers twice": frame(HEADERS, END_HEADERS, 1, OK) * 2,
    "data of no stream": frame(DATA, 0, 0, b"x"),
    "headers of no stream": frame(HEADERS, END_HEADERS, 0, OK),
    "data before headers": frame(DATA, 0, 1, b"x"),
    "a push": frame(PUSH, END_HEADERS, 1, struct.pack(">I", 2) + b"\x82"),
    "padding beyond the frame": frame(DATA, PADDED, 1, b"\xff"),
    "a window too large": frame(WINDOW, 0, 0, struct.pack(">I", 2**31 - 1)),
    "a reset of a stream that is none": frame(RESET, 0, 0, bytes(4)),
    "an end of the connection": frame(GO_AWAY, 0, 0, struct.pack(">II", 0, 0)),
    "an end, and more": frame(GO_AWAY, 0, 0, struct.pack(">II", 0, 0)) + frame(HEADERS, END_HEADERS, 1, OK),
    "a header that is none": frame(HEADERS, END_HEADERS, 1, b"\xff" * 20),
    "a status that is none": frame(HEADERS, END_HEADERS, 1, b"\x48\x03abc"),
}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def ask(serve: Serve, context: ssl.SSLContext, trust: ssl.SSLContext, library: str, tries: int) -> str:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    policy = RetryPolicy(attempts=tries, base_delay=0)
    try:
        async with QStreamingClient(
            access_token="tok",
            endpoint=url,
            http2=True,
            verify=trust,
            retry=policy,
            timeout=5,
            http_library="httpx2" if library == "httpx2" else "httpx",
        ) as client:
            return (await collect(client.generate_assistant_response("q"))).text
    finally:
        server.close()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> h2.connection.H2Connection:
    """Begin a connection and wait for the request."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while not any(
        type(event).__name__ == "StreamEnded" for event in connection.receive_data(await reader.read(65536))
    ):
        pass
    return connection


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_rule_is_a_transport_error(
    http2_only: ssl.SSLContext, trust: ssl.SSLContext, fault: str, library: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        writer.write(FAULTS[fault])
        await writer.drain()
        writer.close()

    with pytest.raises(TransportError) as caught:
        asyncio.run(ask(serve, http2_only, trust, library, tries=1))
    assert caught.value.retryable


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize("fault", [name for name in FAULTS if "status" not in name])
def test_the_next_try_is_made_on_a_new_connection(
    http2_only: ssl.SSLContext, trust: ssl.SSLContext, fault: str, library: str
) -> None:
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        connection = await greet(reader, writer)
        if len(connections) == 1:
            writer.write(FAULTS[fault])
        else:
            head = [(":status", "200"), ("content-type", "application/vnd.amazon.eventstream")]
            connection.send_headers(1, head)
            connection.send_data(1, text("well"), end_stream=True)
            writer.write(connection.data_to_send())
        await writer.drain()
        writer.close()

    assert asyncio.run(ask(serve, http2_only, trust, library, tries=2)) == "well"
