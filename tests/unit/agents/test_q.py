"""The output of ``q`` for a terminal: read without colours, its failures told from its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepherd.agents.contract import Evidence, Stream
from stepherd.agents.q import SIGNS, QAgent
from stepherd.agents.terminal_reader import TerminalReader


def _facts(*lines: tuple[Stream, str]) -> dict[str, Any]:
    reader = TerminalReader(SIGNS)
    for stream, line in lines:
        for event in reader.feed(stream, line):
            json.dumps(event.to_json())
    return dict(reader.facts())


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("\x1b[1m\x1b[31mAmazon Q is having trouble responding right now:\x1b[0m", "failed"),
        ("Your login session has expired. Please log in again", "login"),
        ("error: You are not logged in, please log in with q login", "login"),
        ("\x1b[38;5;9mAmazon Q rate limit reached:\x1b[0m", "limit"),
        ("Monthly request limit reached - The limits reset on 12/01.", "limit"),
        ("Tool approval required but --no-interactive was specified.", "failed"),
        ("⠋ Thinking...\r\x1b[2KAmazon Q is having trouble responding right now:", "failed"),
    ],
)
def test_signs_of_failure_on_standard_error(line: str, kind: str) -> None:
    failure = _facts(("err", line))["failure"]
    assert failure["kind"] == kind
    assert "\x1b" not in failure["text"]
    assert _facts(("out", f"> {line}"))["failure"] is None


def test_the_worst_sign_decides_and_its_reason_goes_along() -> None:
    facts = _facts(
        ("err", "Amazon Q is having trouble responding right now:"),
        ("err", "   0: Your login session has expired"),
        ("err", "   1: the bearer token"),
        ("err", "   2: a fourth line is too much"),
        ("err", "Location: src/main.rs"),
    )
    assert facts["failure"]["kind"] == "login"
    assert "0: Your login session has expired 1: the bearer token" in facts["failure"]["text"]
    assert "fourth" not in facts["failure"]["text"]


@pytest.mark.parametrize("line", ["", "\x1b[0m", "\r", "\x00\x07", "\x1b]0;title\x07", "🛠️", "> "])
def test_lines_without_words_are_no_answer_and_no_failure(line: str) -> None:
    facts = _facts(("out", line), ("err", line))
    assert facts["failure"] is None


@pytest.mark.parametrize(
    ("facts", "changed", "code", "status"),
    [
        ({"answered": True, "failure": None}, 0, 0, "succeeded"),
        ({"answered": False, "failure": None}, 1, 0, "succeeded"),
        ({"answered": False, "failure": None}, 0, 0, "failed"),
        ({"answered": False, "failure": None}, None, 0, "failed"),
        ({"answered": True, "failure": None}, 1, 2, "failed"),
        ({"answered": True, "failure": {"kind": "failed", "text": "x"}}, 9, 0, "failed"),
    ],
)
def test_its_outcome(facts: dict[str, Any], changed: int | None, code: int, status: str) -> None:
    evidence = Evidence("exited", code, 1.0, facts=facts, changed_files=changed)
    assert QAgent().judge(evidence).status == status


def test_it_needs_a_login_unless_credentials_stand_in_for_it() -> None:
    assert QAgent().needs_login(has_secret=False)
    assert not QAgent().needs_login(has_secret=True)
