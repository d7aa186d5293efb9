"""Events: their form, their schema, and how they read."""

from __future__ import annotations

import pytest
from tests.event_schema import check_events, event_schema

from stepherd.events import vocabulary as events
from stepherd.events.text import readable
from stepherd.events.vocabulary import (
    Event,
    FileChanged,
    Finished,
    Limit,
    LoginEvent,
    Message,
    Output,
    Retry,
    Started,
    ToolUse,
    Usage,
)

ALL: tuple[Event, ...] = (
    Started("agent", ("claude", "-p"), 3600, "2.1.197", "claude-opus", "1-2-3"),
    Message("I shall look.", thought=True),
    ToolUse("Bash", "t1", "npm test", "failed", "exit code 1"),
    FileChanged("a.py", "M", 3, 1),
    Usage(3, 100, 20, 5, 6, 0.25, 1.5),
    Limit("time", limit=60, reached=False, value=48.0),
    Retry("529 overloaded", 2, 10, 1.25),
    LoginEvent("q", "asked", "Approve it at https://device.sso.example."),
    Finished("agent", "failed", "exited", 1, 2.5, "It failed."),
    Output("err", "oops"),
)


def _line(event: Event) -> dict[str, object]:
    return {"at": "2026-11-21T10:00:00.000Z", "source": "agent", **event.to_json()}


def _text(event: Event) -> list[str]:
    return readable(_line(event))


def test_every_event_follows_the_schema_and_every_field_is_in_it() -> None:
    assert len(ALL) == len(event_schema()["$defs"]) == len(set(events.__all__) - {"EVENTS", "Event"})
    check_events(_line(event) for event in ALL)
    for event in ALL:
        assert set(event.to_json()) == set(event_schema()["$defs"][event.kind]["properties"])


@pytest.mark.parametrize("change", [{"type": "other"}, {"more": 1}, {"at": "today"}, {"source": ""}])
def test_the_schema_refuses_what_is_no_event(change: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        check_events([{**_line(Message("hello")), **change}])


def test_what_is_not_known_is_left_out() -> None:
    assert Finished("agent", "succeeded").to_json() == {
        "type": "finished",
        "name": "agent",
        "outcome": "succeeded",
    }
    assert ToolUse("Bash").to_json()["status"] == "started"


def test_an_event_is_a_value() -> None:
    assert Message("a") == Message(text="a")
    assert Message("a") != Message("b")
    assert len({Message("a"), Message("a")}) == 1
    assert repr(Retry("slow", attempt=2)) == "Retry(reason='slow', attempt=2)"
    with pytest.raises(AttributeError):
        Message("a").text = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "named"), [((), {}), (("a", True, 1), {}), (("a",), {"text": "b"}), (("a",), {"other": 1})]
)
def test_wrong_fields_are_refused(given: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Message(*given, **named)  # type: ignore[arg-type]


def test_events_read_as_lines() -> None:
    assert _text(Output("out", "plain")) == ["plain"]
    assert _text(Message("One.\nTwo.\n")) == ["One.", "Two."]
    assert _text(Message("hm", thought=True)) == ["  ~ hm"]
    assert _text(ToolUse("Bash", "t", "npm\n test")) == ["> Bash: npm test"]
    assert _text(ToolUse("Bash", "t", status="succeeded")) == []
    assert _text(ToolUse("Bash", "t", status="failed", output="exit code 1")) == [
        "! Bash failed: exit code 1"
    ]
    assert _text(ToolUse("Write", "t", status="denied")) == ["! Write was denied"]
    assert _text(Started("agent", ("x",))) == []
    assert _text(ALL[0]) == ["# agent 2.1.197, claude-opus"]
    assert _text(ALL[6]) == ["! Trying again in 1.2 s (try 2 of 10): 529 overloaded"]
    assert _text(ALL[5]) == ["! 48 of 60 s are used."]
    assert _text(Limit("turns", limit=3, reached=True)) == ["! The limit of 3 turns is reached."]
    assert _text(ALL[7]) == ["# Login q: Approve it at https://device.sso.example."]
    assert _text(Finished("agent", "succeeded")) == []
    assert _text(Usage(turns=1)) == []
