"""Every example runs as it is written, against the loopback server and a login database."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from amazon_q_streaming_client import QStreamingClient, QStreamingClientSync
from frames import event, text
from loopback import Loopback, Reply, Request

EXAMPLES = Path(__file__).parents[2] / "examples"


async def service(request: Request, reply: Reply) -> None:
    """Answers as the service does, with a tool use when there is a tool that was not used yet."""
    if request.operation == "ListAvailableModels":
        await reply.document({"models": [{"modelId": "m-1"}], "defaultModel": {"modelId": "m-default"}})
        return
    state = request.members["conversationState"]
    context = state["currentMessage"]["userInputMessage"].get("userInputMessageContext", {})
    if context.get("tools") and not context.get("toolResults"):
        use = {"toolUseId": "t-1", "name": "clock"}
        await reply.stream(event("toolUseEvent", use), event("toolUseEvent", {**use, "stop": True}))
        return
    results = context.get("toolResults")
    said = results[0]["content"][0]["text"] if results else "A bucket holds objects."
    await reply.stream(
        event("messageMetadataEvent", {"conversationId": "c-1"}),
        text(said),
        event("noveltyEvent", {}),
        event("meteringEvent", {"usage": 0.5, "unit": "credit"}),
    )


@pytest.fixture(autouse=True)
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "stepherd.logins", None)
    path = tmp_path / ".local" / "share" / "amazon-q" / "data.sqlite3"
    path.parent.mkdir(parents=True)
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
        token = json.dumps({"access_token": "from-q", "expires_at": ends})
        db.execute("INSERT INTO auth_kv VALUES ('codewhisperer:odic:token', ?)", (token,))
    db.close()


def load(name: str, server: Loopback) -> ModuleType:
    """Load an example whose clients ask the loopback server."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for client in (QStreamingClient, QStreamingClientSync):
        if hasattr(module, client.__name__):
            setattr(module, client.__name__, partial(client, endpoint=server.url))
    return module


def run(module: ModuleType, *arguments: Any) -> None:
    outcome = module.main(*arguments)
    if inspect.iscoroutine(outcome):
        asyncio.run(outcome)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("quickstart", "A bucket holds objects.\n"),
        ("blocking", "A bucket holds objects.\n"),
        (
            "streaming",
            "A bucket holds objects.\n(an event of the type noveltyEvent)\n\n0.5 credit\n"
            "conversation c-1, request req-1\n",
        ),
        ("errors", "A bucket holds objects.\n"),
        (
            "text_stream",
            "A bucket holds objects.\n23 characters, 0 references to licensed code\n",
        ),
        ("call_options", "HTTP 200, request req-1\n['m-1']\nA bucket holds objects.\n"),
        (
            "every_event",
            "(about the conversation)\nA bucket holds objects.\n(noveltyEvent)\n(what it took)\n",
        ),
    ],
)
def test_an_example_prints_what_its_page_says(
    server: Loopback, capsys: pytest.CaptureFixture[str], name: str, printed: str
) -> None:
    server.handler = service
    run(load(name, server))
    assert capsys.readouterr().out == printed
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer from-q"}


def test_the_tool_example_runs_its_tool(server: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    server.handler = service
    run(load("tools", server))
    assert datetime.fromisoformat(capsys.readouterr().out.strip()).tzinfo is not None
    assert len(server.requests) == 2


def test_the_tool_runner_example_calls_its_function(
    server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    server.handler = service
    run(load("tool_runner", server))
    first, _, last = capsys.readouterr().out.splitlines()
    assert first == "(uses clock with {})"
    assert datetime.fromisoformat(last).tzinfo is not None
    assert len(server.requests) == 2


def test_the_token_example_reads_its_file(
    server: Loopback, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.handler = service
    (tmp_path / "token.json").write_text('{"accessToken": "from-file"}')
    run(load("token_provider", server), tmp_path / "token.json")
    assert server.requests[0].headers["authorization"] == "Bearer from-file"


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        ({"reason": "MONTHLY_REQUEST_COUNT"}, 429, "used up"),
        ({}, 401, "Please log in"),
        ({"__type": "ValidationException", "message": "Input is too long."}, 400, "too long, even alone"),
        ({"__type": "ConflictException"}, 409, "worth another try: False"),
    ],
)
def test_the_error_example_tells_errors_apart(
    server: Loopback, capsys: pytest.CaptureFixture[str], document: Any, status: int, said: str
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.document(document, status)

    server.handler = handler
    run(load("errors", server))
    assert said in capsys.readouterr().out
