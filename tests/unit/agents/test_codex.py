"""Codex: its command line, its events, its outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.agents.codex import CodexAgent
from stepherd.agents.codex_reader import CodexReader
from stepherd.agents.contract import AgentContext, Ending, Evidence
from stepherd.errors import CredentialsError

USAGE = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 9}
DONE = {"type": "turn.completed", "usage": USAGE}


def _item(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"item.{kind}", "item": {"id": "item_1", **item}}


def _events(reader: CodexReader, *records: dict[str, Any]) -> list[dict[str, Any]]:
    return [event.to_json() for record in records for event in reader.feed("out", json.dumps(record))]


@pytest.mark.parametrize(
    ("records", "code", "ending", "status", "category"),
    [
        ([DONE], 0, "exited", "succeeded", ""),
        ([DONE], 130, "lingered", "succeeded", ""),
        ([DONE], 1, "exited", "failed", "agent"),
        ([], 0, "exited", "failed", "agent"),
        ([{"type": "error", "message": "stream error: retrying"}, DONE], 0, "exited", "succeeded", ""),
        ([{"type": "turn.failed", "error": {"message": "boom"}}], 0, "exited", "failed", "agent"),
        ([{"type": "error", "message": "401 Unauthorized"}], 1, "exited", "failed", "credentials"),
        ([DONE], 0, "interrupted", "interrupted", "agent"),
    ],
)
def test_its_outcome(
    records: list[dict[str, Any]], code: int, ending: Ending, status: str, category: str
) -> None:
    reader = CodexReader()
    _events(reader, *records)
    outcome = CodexAgent().judge(Evidence(ending, code, 1.0, facts=reader.facts()))
    assert (outcome.status, outcome.error.category if outcome.error else "") == (status, category)


def test_its_events_become_ours() -> None:
    reader = CodexReader()
    events = _events(
        reader,
        {"type": "thread.started", "thread_id": "th_1"},
        {"type": "turn.started"},
        _item("started", {"type": "command_execution", "command": "ls", "status": "in_progress"}),
        _item("completed", {"type": "command_execution", "status": "failed", "aggregated_output": "no\n"}),
        _item("completed", {"type": "agent_message", "text": "Done."}),
        {"type": "something.new"},
        DONE,
    )
    assert events == [
        {"type": "started", "name": "codex", "session": "th_1"},
        {"type": "tool_use", "tool": "shell", "id": "item_1", "input": "ls", "status": "started"},
        {"type": "tool_use", "tool": "shell", "id": "item_1", "status": "failed", "output": "no"},
        {"type": "message", "text": "Done."},
        {"type": "output", "stream": "out", "text": '{"type": "something.new"}'},
        {"type": "usage", "turns": 2, "input_tokens": 100, "output_tokens": 9, "cache_read_tokens": 40},
    ]
    assert reader.done


def test_its_prompt_comes_on_stdin_and_its_key_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "instructions.md").write_text("Do it\n")
    context = AgentContext(
        "run_1", tmp_path, tmp_path, home=tmp_path, model="-x", secrets={"OPENAI_API_KEY": "canary"}
    )
    agent = CodexAgent()
    agent.prepare(context)
    launch = agent.plan(context)
    assert launch.argv[-1] == "-"
    assert "--model=-x" in launch.argv
    assert launch.environment["CODEX_API_KEY"] == "canary"
    assert b"Do it" in (launch.stdin or b"")
    with pytest.raises(CredentialsError):
        agent.prepare(AgentContext("run_1", tmp_path, tmp_path, home=tmp_path))
