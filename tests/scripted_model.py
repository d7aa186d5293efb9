"""A model on loopback that says what a test wrote down: Anthropic's Messages API and OpenAI's Responses API,
streamed.

The real Claude Code, opencode and Codex CLIs talk to it as to the service: a base URL names it. Each call of
``POST /v1/messages`` or ``/v1/responses`` takes the next line of the script; after the last one the model
says that it is done.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Literal

from tests.scripted_responses import response_events

__all__ = ["Call", "Reply", "ScriptedModel", "drop", "fail", "hang", "say", "use"]

_CWD = re.compile(r"[Ww]orking directory: (/[^\s\\\"]+)")
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Reply:
    """One answer of the model."""

    kind: Literal["blocks", "error", "hang", "drop"]
    blocks: tuple[Mapping[str, Any], ...] = ()
    status: int = 200
    message: str = ""
    output_tokens: int = 20
    times: int = 1
    """How often it is given before the next one."""
    final: bool = False
    """Whether an error says that trying again is of no use."""


def say(text: str, *, output_tokens: int = 20) -> Reply:
    """Text, and the end of the turn."""
    return Reply("blocks", ({"type": "text", "text": text},), output_tokens=output_tokens)


def use(tool: str, *, text: str = "", output_tokens: int = 20, **given: Any) -> Reply:
    """Words, and a call of a tool. ``{cwd}`` in what is given becomes the agent's current folder."""
    said = ({"type": "text", "text": text},) if text else ()
    call = {"type": "tool_use", "name": tool, "input": given}
    return Reply("blocks", (*said, call), output_tokens=output_tokens)


def fail(status: int, message: str = "the script says so", *, times: int = 1, final: bool = False) -> Reply:
    """An HTTP error with a body as the service writes it. ``final``: the last one allows no retry."""
    return Reply("error", status=status, message=message, times=times, final=final)


def hang() -> Reply:
    """No answer until the model is closed."""
    return Reply("hang")


def drop() -> Reply:
    """The beginning of an answer, and the end of the connection."""
    return Reply("drop")


@dataclass(frozen=True)
class Call:
    """A request that was made."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The whole body as JSON text."""
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def credential(self) -> str:
        """The key or token of the request."""
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class ScriptedModel:
    """The server. ``calls`` are its requests so far."""

    script: Sequence[Reply]
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    _closed: threading.Event = field(default_factory=threading.Event)
    _called: threading.Condition = field(default_factory=threading.Condition)

    @classmethod
    @contextmanager
    def serve(cls, *script: Reply, host: str = "127.0.0.1") -> Iterator[ScriptedModel]:
        """Serve on a free port of an address of this machine until the block ends."""
        model = cls(script)
        server = ThreadingHTTPServer((host, 0), _handler_of(model))
        server.daemon_threads = True
        model.url = f"http://{host}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield model
        finally:
            model._closed.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def credentials(self, key: str = "scripted-key", agent: str = "claude") -> dict[str, str]:
        """The secret by which the agent's CLI finds this model. Only Claude Code adds the version itself."""
        if agent == "codex":
            return {"CODEX_API_KEY": key, "OPENAI_BASE_URL": f"{self.url}/v1"}
        base_url = self.url if agent == "claude" else f"{self.url}/v1"
        return {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": base_url}

    def next(self, call: Call) -> Reply:
        """The reply to a call, in the order of the script."""
        with self._called:
            self.calls.append(call)
            number = len(self.calls)
            self._called.notify_all()
        for reply in self.script:
            number -= reply.times
            if number <= 0:
                return reply if number == 0 else replace(reply, final=False)
        return say("That is all.")

    def await_call(self, number: int) -> None:
        """Wait until so many calls have come, at most a minute."""
        with self._called:
            assert self._called.wait_for(lambda: len(self.calls) >= number, timeout=60)

    def wait_until_closed(self) -> None:
        """For an answer that never comes."""
        self._closed.wait()


def _handler_of(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        scripted = model

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    scripted: ScriptedModel

    def do_HEAD(self) -> None:
        self._answer(200, b"", "text/plain")

    def do_GET(self) -> None:
        status = 426 if self.headers.get("upgrade") else 404
        self._answer(status, b"{}", "application/json")

    def handle(self) -> None:
        with suppress(OSError):  # A killed agent does not say goodbye.
            super().handle()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))) or b"{}")
        call = Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        if not self.path.startswith(("/v1/messages", "/v1/responses")) or "count_tokens" in self.path:
            self._answer(200, b'{"input_tokens": 1}', "application/json")
            return
        reply = self.scripted.next(call)
        with suppress(OSError):
            self._reply(reply, call)

    def _reply(self, reply: Reply, call: Call) -> None:
        if reply.kind == "hang":
            self.scripted.wait_until_closed()
            self.close_connection = True
        elif reply.kind == "error":
            headers = {"x-should-retry": "false"} if reply.final else {}
            self._answer(reply.status, _error_body(reply), "application/json", headers)
        else:
            number = len(self.scripted.calls)
            is_response = call.path.startswith("/v1/responses")
            events = list(response_events(reply, number) if is_response else _events(reply, call, number))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True
            for event in events[:1] if reply.kind == "drop" else events:
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def _answer(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in ``calls``."""


def _error_body(reply: Reply) -> bytes:
    error = {"type": _ERRORS.get(reply.status, "api_error"), "message": reply.message}
    return json.dumps({"type": "error", "error": error}).encode()


def _events(reply: Reply, call: Call, number: int) -> Iterator[dict[str, Any]]:
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    yield {
        "type": "message_start",
        "message": {
            "id": f"msg_{number:04}",
            "type": "message",
            "role": "assistant",
            "model": call.body.get("model", "scripted"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 1},
        },
    }
    for index, block in enumerate(reply.blocks):
        yield from _block_events(index, block, call, number)
    stop = "tool_use" if any(block["type"] == "tool_use" for block in reply.blocks) else "end_turn"
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": reply.output_tokens},
    }
    yield {"type": "message_stop"}


def _block_events(index: int, block: Mapping[str, Any], call: Call, number: int) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        start: dict[str, Any] = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": block["text"]}
    else:
        start = {"type": "tool_use", "id": f"toolu_{number:04}_{index}", "name": block["name"], "input": {}}
        given = json.dumps(block["input"]).replace("{cwd}", _cwd_of(call))
        delta = {"type": "input_json_delta", "partial_json": given}
    yield {"type": "content_block_start", "index": index, "content_block": start}
    yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _cwd_of(call: Call) -> str:
    found = _CWD.search(json.dumps(call.body.get("system", ""), ensure_ascii=False)) or _CWD.search(call.text)
    return found[1] if found else "/nowhere"
