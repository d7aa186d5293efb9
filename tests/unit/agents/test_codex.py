"""Codex: its command line, its events, its outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.agents.codex import CodexAgent
from stepherd.agents.codex_reader import CodexReader
from stepherd.agents.contract import AgentContext, Ending, Evidence
from stepherd.errors import ConfigurationError, CredentialsError

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


def test_that_it_tries_again_is_no_error_and_what_the_service_says_is_unwrapped() -> None:
    reader = CodexReader()
    answer = json.dumps({"error": {"message": "the prompt is bad", "code": None}})
    events = _events(
        reader,
        {
            "type": "error",
            "message": "Reconnecting... 2/5 (unexpected status 404 Not Found: {}, url: ws://x)",
        },
        {"type": "error", "message": "Reconnecting... waiting for network (Connection failed)"},
        _item("completed", {"type": "error", "message": "Model metadata for `x` not found."}),
        {"type": "error", "message": answer},
        {"type": "turn.failed", "error": {"message": answer}},
    )
    assert events == [
        {
            "type": "retry",
            "reason": "unexpected status 404 Not Found: {}, url: ws://x",
            "attempt": 2,
            "most": 5,
        },
        {"type": "retry", "reason": "Connection failed"},
        {"type": "output", "stream": "out", "text": "Model metadata for `x` not found."},
        {"type": "output", "stream": "out", "text": "the prompt is bad"},
        {"type": "output", "stream": "out", "text": "the prompt is bad"},
    ]
    outcome = CodexAgent().judge(Evidence("exited", 1, 1.0, facts=reader.facts()))
    assert outcome.error is not None
    assert outcome.error.message == "The agent 'codex' failed: the prompt is bad"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "https://gateway.example/v1?a=b"])
def test_a_gateway_s_url_is_in_its_configuration_alone(tmp_path: Path, url: str) -> None:
    import tomllib

    secrets = {"CODEX_API_KEY": "canary", "OPENAI_BASE_URL": url}
    context = AgentContext("run_1", tmp_path, tmp_path, home=tmp_path, secrets=secrets)
    CodexAgent().prepare(context)
    written = (tmp_path / ".codex/config.toml").read_text()
    configuration = tomllib.loads(written)
    assert configuration["openai_base_url"] == url
    # AND no one else hears of it
    assert not configuration["analytics"]["enabled"]
    assert not configuration["features"]["plugins"]


@pytest.mark.parametrize("url", ['http://x"\nmodel_provider = "y', "file:///etc/passwd", "https://a b", "x"])
def test_what_is_no_url_is_refused_before_it_is_written(tmp_path: Path, url: str) -> None:
    secrets = {"CODEX_API_KEY": "canary", "OPENAI_BASE_URL": url}
    with pytest.raises(ConfigurationError):
        CodexAgent().prepare(AgentContext("run_1", tmp_path, tmp_path, home=tmp_path, secrets=secrets))
    assert not (tmp_path / ".codex/config.toml").exists()
