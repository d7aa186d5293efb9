"""What the server answers to one request after the other, and a client that asks until it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from amazon_q_streaming_client import (
    QStreamingClientSync,
    RetryPolicy,
    collect_sync,
)
from frames import exception, text
from loopback import Loopback, Reply, Request

__all__ = [
    "QUICK",
    "Script",
    "ask_again",
    "cut",
    "cut_first_message",
    "fails",
    "good",
    "in_stream",
    "scripted",
]

QUICK = RetryPolicy(attempts=3, base_delay=0.001, max_delay=0.01)

Script = Callable[[Request, Reply], Awaitable[None]]


def scripted(*scripts: Script) -> Script:
    """Answer the first request with the first script, and so on; the last one again and again."""
    left = list(scripts)

    async def handler(request: Request, reply: Reply) -> None:
        script = left.pop(0) if len(left) > 1 else left[0]
        await script(request, reply)

    return handler


def fails(document: dict[str, Any], status: int, **headers: str) -> Script:
    async def script(_: Request, reply: Reply) -> None:
        await reply.document(document, status, **headers)

    return script


async def good(_: Request, reply: Reply) -> None:
    await reply.stream(text("ok"))


async def in_stream(_: Request, reply: Reply) -> None:
    await reply.stream(exception("throttlingException", {"message": "first message"}))


async def cut(_: Request, reply: Reply) -> None:
    await reply.cut()


async def cut_first_message(_: Request, reply: Reply) -> None:
    await reply.head()
    await reply.data(text("ok")[:30])
    await reply.cut()


def ask_again(server: Loopback, **options: Any) -> str:
    given = {"access_token": "tok", "retry": QUICK, "endpoint": server.url, **options}
    if "token_provider" in options:
        del given["access_token"]
    with QStreamingClientSync(**given) as client:
        return collect_sync(client.generate_assistant_response("q")).text
