"""opencode: its command line, its events (as measured with 1.18.33), its outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.agents.codex import CodexAgent
from stepherd.agents.contract import AgentContext, Ending, Evidence
from stepherd.agents.credentials import credentials_in
from stepherd.agents.opencode import OpencodeAgent
from stepherd.agents.opencode_reader import OpencodeReader
from stepherd.errors import CredentialsError

TOKENS = {"total": 30, "input": 10, "output": 20, "reasoning": 0, "cache": {"write": 1, "read": 2}}


def _step(reason: str) -> dict[str, Any]:
    part = {"type": "step-finish", "reason": reason, "tokens": TOKENS, "cost": 0.25}
    return {"type": "step_finish", "part": part}


def _error(status: int | None, message: str) -> dict[str, Any]:
    return {
        "type": "error",
        "error": {"name": "APIError", "data": {"message": message, "statusCode": status}},
    }


START = {"type": "step_start", "part": {"type": "step-start"}}


@pytest.mark.parametrize(
    ("records", "code", "ending", "status", "category"),
    [
        ([START, _step("tool-calls"), START, _step("stop")], 0, "exited", "succeeded", ""),
        ([START, _step("tool-calls")], 0, "exited", "failed", "agent"),
        ([START, _step("stop"), START], 0, "exited", "failed", "agent"),
        ([START, _step("length")], 0, "exited", "failed", "agent"),
        ([], 0, "exited", "failed", "agent"),
        ([START, _step("stop")], 1, "exited", "failed", "agent"),
        ([_error(401, "invalid x-api-key")], 0, "exited", "failed", "credentials"),
        ([_error(500, "boom"), _step("stop")], 0, "exited", "failed", "agent"),
        ([START, _step("stop")], 0, "interrupted", "interrupted", "agent"),
    ],
)
def test_its_outcome(
    records: list[dict[str, Any]], code: int, ending: Ending, status: str, category: str
) -> None:
    reader = OpencodeReader()
    for record in records:
        reader.feed("out", json.dumps(record))
    outcome = OpencodeAgent().judge(Evidence(ending, code, 1.0, facts=reader.facts()))
    assert (outcome.status, outcome.error.category if outcome.error else "") == (status, category)


def test_its_events_become_ours_and_its_cost_is_known_as_it_goes() -> None:
    reader = OpencodeReader()
    state = {"status": "completed", "input": {"filePath": "a.txt"}, "output": "ok"}
    records = [
        START,
        {"type": "tool_use", "part": {"tool": "write", "callID": "c1", "state": state}},
        {"type": "text", "part": {"text": "Done."}},
        _step("stop"),
    ]
    events = [event.to_json() for record in records for event in reader.feed("out", json.dumps(record))]
    assert events[:3] == [
        {"type": "tool_use", "tool": "write", "id": "c1", "input": "a.txt", "status": "started"},
        {"type": "tool_use", "tool": "write", "id": "c1", "status": "succeeded", "output": "ok"},
        {"type": "message", "text": "Done."},
    ]
    assert (reader.turns, reader.cost_usd) == (1, 0.25)
    assert events[3]["cache_read_tokens"] == 2


def test_its_prompt_comes_on_stdin(tmp_path: Path) -> None:
    (tmp_path / "instructions.md").write_text("Do it\n")
    context = AgentContext(
        "run_1", tmp_path, tmp_path, home=tmp_path, secrets={"ANTHROPIC_API_KEY": "canary"}
    )
    agent = OpencodeAgent()
    agent.prepare(context)
    launch = agent.plan(context)
    assert not [word for word in launch.argv if "Do it" in word or "canary" in word]
    assert "--title=run_1" in launch.argv, "else it pays a model for one"
    assert b"Do it" in (launch.stdin or b"")
    with pytest.raises(CredentialsError):
        agent.prepare(AgentContext("run_1", tmp_path, tmp_path, home=tmp_path))


@pytest.mark.parametrize("agent", [OpencodeAgent(), CodexAgent()])
def test_a_key_beside_a_gateway_s_url_is_not_taken_for_the_service_s_own(
    agent: OpencodeAgent | CodexAgent,
) -> None:
    environment = {"OPENAI_API_KEY": "of-the-gateway", "OPENAI_BASE_URL": "https://gateway.example/v1"}
    assert credentials_in(agent, environment) is None
    assert credentials_in(agent, {"OPENAI_API_KEY": "of-the-service"}) == "env:OPENAI_API_KEY"
