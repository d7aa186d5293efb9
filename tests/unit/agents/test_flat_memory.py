"""Whatever an agent prints, its reader remembers little of it, and takes as long for each line."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stepherd.agents import claude_reader
from stepherd.agents.claude_reader import ClaudeReader
from stepherd.agents.json_lines import JsonLineReader
from stepherd.agents.kiro_reader import KiroReader

LARGE = 1 << 17
JUNK = [[] for _ in range(LARGE // 4)]
LONG = "x" * LARGE


def _assistant(number: int, usage: dict[str, Any], *content: dict[str, Any]) -> dict[str, Any]:
    message = {"id": f"{number}", "usage": usage, "content": content}
    return {"type": "assistant", "message": message}


def _usages(number: int) -> dict[str, Any]:
    return _assistant(number, {"input_tokens": 1, "more": JUNK})


def _ids(number: int) -> dict[str, Any]:
    line = _assistant(
        number, {"input_tokens": 1}, {"type": "tool_use", "id": f"{number}{LONG}", "name": LONG}
    )
    line["message"]["id"] += LONG
    return line


def _results(number: int) -> dict[str, Any]:
    denied = [{"tool_name": f"{number}{LONG}"}]
    return {"type": "result", "permission_denials": denied, "more": JUNK, "total_cost_usd": number}


def _tool_calls(number: int) -> dict[str, Any]:
    update = {"sessionUpdate": "tool_call", "toolCallId": f"{number}{LONG}", "title": LONG}
    return {"type": "sessionUpdate", "update": update}


def _chunks(_number: int) -> dict[str, Any]:
    return {
        "type": "sessionUpdate",
        "update": {"sessionUpdate": "agent_message_chunk", "content": {"text": LONG}},
    }


def _kiro() -> KiroReader:
    reader = KiroReader(())
    list(reader.feed("out", '{"type": "runStarted"}'))
    return reader


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("reader", "line"),
    [
        (ClaudeReader, _usages),
        (ClaudeReader, _ids),
        (ClaudeReader, _results),
        (_kiro, _tool_calls),
        (_kiro, _chunks),
    ],
)
def test_memory_stays_flat(
    reader: Callable[[], JsonLineReader], line: Callable[[int], dict[str, Any]]
) -> None:
    made = reader()
    for number in range(30):
        for _ in made.feed("out", json.dumps(line(number))):
            pass
    assert tracemalloc.get_traced_memory()[0] < 18 * LARGE
    assert made.done is (line is _results)


def test_a_line_takes_as_long_however_many_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, count = [0], claude_reader.count

    def counted(value: object) -> int:
        asked[0] += 1
        return count(value)

    monkeypatch.setattr(claude_reader, "count", counted)
    reader = ClaudeReader()
    for number in range(300):
        list(reader.feed("out", json.dumps(_assistant(number, {"input_tokens": 2}))))
    (last,) = reader.feed("out", json.dumps(_assistant(5, {"input_tokens": 3})))
    assert asked[0] == 4 * 301
    assert last.to_json()["input_tokens"] == 601
    assert reader.turns == 300
