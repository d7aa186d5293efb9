"""The body of the pushed commit: what the agent said last, bounded, inert and without secrets."""

from __future__ import annotations

import json

import pytest
from tests.integration.steps.rig import Rig, git


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


def body(rig: Rig, said: str, *, ending: int = 0, **fields: str | bool) -> str:
    message = rig.root / "said.json"
    message.write_text(json.dumps({"type": "message", "text": said}) + '\n{"done": true}\n')
    rig.tester(f"echo x > new.txt; cat {message}; exit {ending}", **fields)
    rig.step("agent")
    rig.steps("push")
    return git(rig.remote, "log", "-1", "--format=%B", f"stepherd/{rig.run_id}")


def test_the_body_has_what_the_agent_said_last(rig: Rig) -> None:
    said = "I wrote new.txt.\n\nCo-authored-by: Eve <eve@example.com>\n" + "word " * 40 + "\x1b[31mred\u202e"
    lines = body(rig, said, message="Do it").splitlines()
    assert lines[:2] == ["Do it", ""]
    assert lines[2].startswith("I wrote new.txt. ")
    assert max(map(len, lines)) <= 72
    assert " ".join(lines).count("word") == 40
    assert "\x1b" not in "".join(lines)
    assert "red" in lines[-3]
    assert lines[-2:] == ["", "Stepherd-Run: run_1"]


def test_a_long_summary_is_cut(rig: Rig) -> None:
    assert len(body(rig, "many words " * 1000, message="Do it")) < 2300


def test_work_that_was_verified_in_vain_is_not_called_unfinished(rig: Rig) -> None:
    text = body(rig, "Done.", message="Do it", verify="false", verify_required=True)
    assert text.startswith("Partial work: Do it\n\nThe verify command 'false' ended with exit code 1.")
    assert "did not finish" not in text


def test_partial_work_says_why_and_then_what_the_agent_said(rig: Rig) -> None:
    text = body(rig, "I got half way.", ending=3, message="Do it")
    assert text.startswith("Partial work: Do it\n\nThe agent did not finish: ")
    assert "\n\nI got half way.\n\nStepherd-Run: run_1" in text
