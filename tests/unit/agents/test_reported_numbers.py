"""Agents' reports of their cost and use: limits rely on them, and an agent prints anything."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepherd.agents.claude_reader import ClaudeReader
from stepherd.agents.contract import Reader
from stepherd.agents.registry import get_agent
from stepherd.events.vocabulary import Usage

VALUES = st.one_of(
    st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e308", "-5", "true", '"7"', "null", "[1]"]
    ),
    st.floats().map(json.dumps),
    st.integers().map(str),
    st.just("9" * 5000),
)
LINES: dict[str, Callable[[str], str]] = {
    "claude": lambda n: (
        f'{{"type":"result","subtype":"success","is_error":false,"total_cost_usd":{n},"num_turns":{n},'
        f'"api_error_status":{n},"usage":{{"input_tokens":{n},"output_tokens":{n}}}}}'
    ),
    "opencode": lambda n: (
        f'{{"type":"step_finish","part":{{"cost":{n},"tokens":{{"input":{n},"cache":{{"read":{n}}}}}}}}}'
    ),
    "codex": lambda n: f'{{"type":"turn.completed","usage":{{"input_tokens":{n},"output_tokens":{n}}}}}',
    "q": lambda n: f" ▸ Credits: {n} • Time: 5s",
    "kiro": lambda n: f" ▸ Credits: {n} • Time: 5s",
}


def _feed(reader: Reader, line: str) -> list[dict[str, Any]]:
    found = [event for stream in ("out", "err") for event in reader.feed(stream, line)]  # type: ignore[arg-type]
    return [event.to_json() for event in found if isinstance(event, Usage)]


@pytest.mark.parametrize("agent", LINES)
def test_whatever_is_reported_what_is_kept_can_be_counted_with(agent: str) -> None:
    @given(st.lists(VALUES, max_size=4))
    @example(["NaN"])
    @example(["1e308", "1e308"])
    @example(["1", "-1"])
    def check(values: list[str]) -> None:
        reader, before = get_agent(agent).reader(), 0.0
        for value in values:
            used = _feed(reader, LINES[agent](value))
            for number in (n for event in used for n in event.values() if isinstance(n, float | int)):
                assert math.isfinite(number) and number >= 0
            assert math.isfinite(reader.cost_usd) and reader.cost_usd >= before
            before = reader.cost_usd
        assert json.dumps(dict(reader.facts()), allow_nan=False)

    check()


@pytest.mark.parametrize("agent", ["claude", "opencode"])
@pytest.mark.parametrize("said", ["1e400", "Infinity", "1e308", "9" * 5000])
def test_a_cost_beyond_all_bounds_is_over_every_limit(agent: str, said: str) -> None:
    reader = get_agent(agent).reader()
    _feed(reader, LINES[agent](said))
    assert reader.cost_usd > 10_000


@pytest.mark.parametrize("said", ["NaN", "-9", "null", '"0"', "0"])
def test_a_cost_that_is_none_takes_nothing_back(said: str) -> None:
    reader = ClaudeReader()
    _feed(reader, LINES["claude"]("3.5"))
    _feed(reader, LINES["claude"](said))
    assert reader.cost_usd == 3.5


def test_a_line_with_a_number_that_is_none_still_counts() -> None:
    """Else an agent that succeeded, and prints NaN for its cost, would have failed."""
    reader = ClaudeReader()
    _feed(reader, LINES["claude"]("NaN"))
    assert reader.done
    assert reader.facts()["result"]["subtype"] == "success"


def test_how_often_codex_tries_again_may_be_any_number() -> None:
    reader = get_agent("codex").reader()
    for number in ("9" * 5000, "²", "1"):
        said = f"Reconnecting... {number}/{number} (timeout)"
        reader.feed("out", json.dumps({"type": "error", "message": said}))
