"""Claude Code: its command line, its stream, and the measured outcome matrix (facts/claude-code.md 3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.agents.claude import ClaudeAgent
from stepherd.agents.claude_reader import ClaudeReader
from stepherd.agents.contract import AgentContext, Ending, Evidence
from stepherd.errors import CredentialsError, UsageError

SESSION = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
KEY = {"ANTHROPIC_API_KEY": "canary-key"}


def _result(subtype: str = "success", **fields: Any) -> dict[str, Any]:
    usual = {"is_error": subtype != "success", "terminal_reason": "completed", "api_error_status": None}
    return {"type": "result", "subtype": subtype, "num_turns": 1, "result": "", **usual, **fields}


def _read(*records: dict[str, Any]) -> ClaudeReader:
    reader = ClaudeReader()
    for record in records:
        reader.feed("out", json.dumps(record))
    return reader


def _judged(
    *records: dict[str, Any], code: int | None = 0, ending: Ending = "exited"
) -> tuple[str, str, str]:
    outcome = ClaudeAgent().judge(Evidence(ending, code, 1.0, facts=_read(*records).facts()))
    error = outcome.error
    return outcome.status, error.category if error else "", error.message if error else ""


def _context(tmp_path: Path, **fields: Any) -> AgentContext:
    instructions = tmp_path / "instructions"
    instructions.mkdir(exist_ok=True)
    (instructions / "instructions.md").write_text("---\nagent: claude\n---\n/init the thing\n")
    given = {"home": tmp_path / "home", "secrets": KEY, "session": SESSION, **fields}
    given["home"].mkdir(exist_ok=True)
    return AgentContext("run_1", tmp_path / "work", instructions, **given)


DENIAL = {"tool_name": "Write", "tool_use_id": "t1", "tool_input": {"file_path": "/w/x"}}
RETRY = {"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 8, "error_status": 401}
MATRIX: dict[str, tuple[list[dict[str, Any]], int, Ending, tuple[str, str, str]]] = {
    "done": ([_result()], 0, "exited", ("succeeded", "", "")),
    "hung on": ([_result()], 130, "lingered", ("succeeded", "", "")),
    "max turns": ([_result("error_max_turns")], 1, "exited", ("failed", "agent", "limit of turns")),
    "budget": ([_result("error_max_budget_usd")], 1, "exited", ("failed", "agent", "limit of cost")),
    "400": (
        [_result(is_error=True, api_error_status=400, result="API Error: 400 bad")],
        *(1, "exited", ("failed", "agent", "API Error: 400 bad")),
    ),
    "500": (
        [_result(is_error=True, api_error_status=500, result="API Error: 500")],
        *(1, "exited", ("failed", "agent", "API Error: 500")),
    ),
    "no service": (
        [_result(is_error=True, result="Connection refused")],
        *(1, "exited", ("failed", "agent", "Connection refused")),
    ),
    "no login": (
        [_result(is_error=True, result="Not logged in · Please run /login")],
        *(1, "exited", ("failed", "credentials", "Not logged in")),
    ),
    "401 given up": (
        [_result(is_error=True, api_error_status=401, result="Failed to authenticate")],
        *(1, "exited", ("failed", "credentials", "Failed to authenticate")),
    ),
    "401 for ever": ([RETRY, RETRY], 130, "lingered", ("failed", "credentials", "refused by the API")),
    "401 for ever, then ended by us": (
        [RETRY, RETRY, _result("error_during_execution")],
        *(130, "lingered", ("failed", "credentials", "refused by the API")),
    ),
    "401, then well": ([RETRY, RETRY, _result()], 0, "exited", ("succeeded", "", "")),
    "interrupted, silent": ([], 0, "interrupted", ("interrupted", "agent", "interrupted")),
    "interrupted in a tool": (
        [_result("error_during_execution", terminal_reason="aborted_tools")],
        *(0, "interrupted", ("interrupted", "agent", "interrupted")),
    ),
    "success after SIGTERM": ([_result()], 143, "deadline", ("failed", "agent", "time limit")),
    "SIGINT of somebody else": ([], 0, "exited", ("failed", "agent", "without a result (exit code 0)")),
    "SIGINT of somebody else in a tool": (
        [_result("error_during_execution", terminal_reason="aborted_tools", errors=["ede"])],
        *(0, "exited", ("failed", "agent", "ede")),
    ),
    "killed": ([], 137, "exited", ("failed", "agent", "exit code 137")),
    "bad flag": ([], 1, "exited", ("failed", "agent", "without a result (exit code 1)")),
    "aborted but not an error": (
        [_result(terminal_reason="aborted_tools")],
        *(0, "exited", ("failed", "agent", "did not complete")),
    ),
    "success and exit code 1": ([_result()], 1, "exited", ("failed", "agent", "reported success")),
    "denied": (
        [_result(permission_denials=[DENIAL])],
        *(0, "exited", ("failed", "agent", "not allowed to use Write")),
    ),
    "a result of another shape": ([{"type": "result"}], 0, "exited", ("failed", "agent", "failed")),
}  # fmt: skip


@pytest.mark.parametrize("case", MATRIX)
def test_the_outcome_matrix(case: str) -> None:
    records, code, ending, (status, category, words) = MATRIX[case]
    judged = _judged(*records, code=code, ending=ending)
    assert judged[:2] == (status, category)
    assert words in judged[2]


def test_the_first_result_counts_whatever_a_late_notice_brings_about() -> None:
    late = _result("error_during_execution", terminal_reason="aborted_streaming")
    assert _judged(_result(), late, ending="lingered", code=130)[0] == "succeeded"


def test_usage_is_counted_once_for_each_message_however_many_lines_it_has() -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 2}
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}},
    ]
    lines = [
        {"type": "assistant", "parent_tool_use_id": None,
         "message": {"id": "m1", "content": [block], "usage": usage}}
        for block in blocks
    ]  # fmt: skip
    sub = {
        "type": "assistant",
        "parent_tool_use_id": "t1",
        "message": {"id": "m2", "content": [], "usage": usage},
    }
    reader = ClaudeReader()
    events = [event.to_json() for line in [*lines, sub] for event in reader.feed("out", json.dumps(line))]
    used = [event for event in events if event["type"] == "usage"]
    assert [(event["input_tokens"], event["turns"]) for event in used] == [(10, 1), (20, 1)]
    assert reader.turns == 1
    assert {"type": "tool_use", "tool": "Bash", "id": "t1", "input": "ls", "status": "started"} in events


@pytest.mark.parametrize(
    "line",
    [
        "", "not json", "{", '{"type": []}', '{"type": "assistant"}', '{"type": "assistant", "message": 7}',
        '{"type": "assistant", "message": {"id": 1, "content": "x", "usage": []}}',
        '{"type": "user", "message": []}',
        '{"type": "user", "message": {"content": [{"type": "tool_result", "content": 5}]}}',
        '{"type": "system"}', '{"type": "system", "subtype": "api_retry", "error_status": "x"}',
        '{"type": "system", "subtype": "init", "mcp_servers": {"a": 1}}', '{"type": "new_thing"}', "[" * 5000,
        '{"type": "result", "permission_denials": "x", "usage": 1, "errors": "x"}', '{"a":' * 3000,
    ],
)  # fmt: skip
def test_no_line_is_too_odd_to_be_read(line: str) -> None:
    reader = ClaudeReader()
    for stream in ("out", "err"):
        for event in reader.feed(stream, line):  # type: ignore[arg-type]
            json.dumps(event.to_json())
    json.dumps(dict(reader.facts()))


def test_what_nobody_knows_is_kept_as_output() -> None:
    (event,) = ClaudeReader().feed("out", '{"type": "new_thing"}')
    assert event.to_json() == {"type": "output", "stream": "out", "text": '{"type": "new_thing"}'}


def test_the_prompt_is_no_argument_and_no_command_of_the_cli_s_own(tmp_path: Path) -> None:
    launch = ClaudeAgent().plan(_context(tmp_path, model="opus", max_turns=7, max_cost_usd=0.5))
    assert not [word for word in launch.argv if "init" in word]
    assert not [word for word in (*launch.argv, *launch.environment.values()) if "canary" in word]
    assert {"--model=opus", "--max-turns=7", "--max-budget-usd=0.5", f"--session-id={SESSION}"} <= {
        *launch.argv
    }
    assert launch.stdin is not None
    said = json.loads(launch.stdin)["message"]["content"]
    assert "/init the thing" in said
    assert not said.startswith("/")
    assert "agent: claude" not in said
    assert launch.environment["CLAUDE_CODE_MAX_RETRIES"] == "8"
    assert launch.environment["DISABLE_TELEMETRY"] == "1"


def test_a_notice_is_a_message_of_its_user() -> None:
    reader = ClaudeReader()
    told = reader.notice("come to an end\nnow")
    assert reader.takes_notices
    assert told is not None
    assert told.count(b"\n") == 1
    assert json.loads(told)["message"] == {"role": "user", "content": "come to an end\nnow"}


def test_a_session_is_found_again_from_another_folder(tmp_path: Path) -> None:
    # GIVEN what an attempt in another folder left behind
    before = tmp_path / "home/.claude/projects/-old-place"
    before.mkdir(parents=True)
    (before / f"{SESSION}.jsonl").write_text("{}")
    context = _context(tmp_path, resume=True)
    # WHEN
    agent = ClaudeAgent()
    agent.prepare(context)
    launch = agent.plan(context)
    # THEN it lies where this folder's sessions are looked for
    assert f"--resume={SESSION}" in launch.argv
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in str((tmp_path / "work").resolve()))
    assert (before.parent / name / f"{SESSION}.jsonl").exists()
    assert b"You were interrupted" in (launch.stdin or b"")


def test_in_its_session_it_is_told_what_the_verify_command_said_and_nothing_twice(tmp_path: Path) -> None:
    context = _context(tmp_path, resume=True, feedback="The check failed.")
    for there in (False, True):
        if there:
            folder = tmp_path / "home" / ".claude" / "projects" / "-w"
            folder.mkdir(parents=True)
            (folder / f"{SESSION}.jsonl").write_text("{}")
        launch = ClaudeAgent().plan(context)
        assert (f"--resume={SESSION}" in launch.argv) == there
        # Without a session the instructions say it, at their end.
        assert (b"init the thing" in (launch.stdin or b"")) != there
        assert (b"The check failed." in (launch.stdin or b"")) == there


def test_without_a_session_left_behind_a_redrive_begins_anew(tmp_path: Path) -> None:
    launch = ClaudeAgent().plan(_context(tmp_path, resume=True))
    assert f"--session-id={SESSION}" in launch.argv


@pytest.mark.parametrize("secrets", [{}, {"ANTHROPIC_BASE_URL": "http://x"}, {"AWS_REGION": "eu-west-1"}])
def test_without_credentials_it_is_refused(tmp_path: Path, secrets: dict[str, str]) -> None:
    with pytest.raises(CredentialsError, match="ANTHROPIC_API_KEY") as refused:
        ClaudeAgent().prepare(_context(tmp_path, secrets=secrets))
    assert refused.value.exit_code == 77


def test_a_command_is_refused() -> None:
    with pytest.raises(UsageError, match="takes no command"):
        ClaudeAgent().check("true")
