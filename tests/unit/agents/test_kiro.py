"""Kiro's stream-json becomes events, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepherd.agents.kiro_reader import KiroReader

STARTED = {"type": "runStarted", "data": {"payloadSchema": "acp", "acpProtocolVersion": 1, "engine": "v2"}}


def _update(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "sessionUpdate", "data": {"update": {"sessionUpdate": kind, **fields}}}


def _chunk(words: str, kind: str = "agent_message_chunk") -> dict[str, Any]:
    return _update(kind, content={"type": "text", "text": words})


def _events(reader: KiroReader, *records: dict[str, Any]) -> list[dict[str, Any]]:
    return [event.to_json() for record in records for event in reader.feed("out", json.dumps(record))]


def test_pieces_become_whole_messages_in_their_order() -> None:
    reader = KiroReader(())
    finish = {"type": "runFinished", "data": {"status": "success", "stopReason": "end_turn"}}
    events = _events(
        reader,
        STARTED,
        _chunk("Let me ", "agent_thought_chunk"),
        _chunk("see.", "agent_thought_chunk"),
        _chunk("I write"),
        _update("tool_call", toolCallId="t1", title="fs_write", rawInput={"path": "a.txt"}),
        _update("tool_call_update", toolCallId="t1", status="in_progress"),
        _update("tool_call_update", toolCallId="t1", status="failed", content=[]),
        _chunk("Done"),
        _chunk("."),
        finish,
    )
    assert events == [
        {"type": "message", "text": "Let me see.", "thought": True},
        {"type": "message", "text": "I write"},
        {"type": "tool_use", "tool": "fs_write", "id": "t1", "input": "a.txt", "status": "started"},
        {"type": "tool_use", "tool": "fs_write", "id": "t1", "status": "failed"},
        {"type": "message", "text": "Done."},
    ]
    assert reader.done
    assert reader.facts()["end"] == {"status": "success", "text": "end_turn"}


def test_an_answer_in_json_is_an_answer_of_a_version_without_stream_json() -> None:
    reader = KiroReader(())
    text = '{"type": "runFinished", "data": {"status": "success"}}'
    assert [event.to_json() for event in reader.feed("out", text)] == [{"type": "message", "text": text}]
    assert not reader.done


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"type": "sessionUpdate"}),
        json.dumps({"type": "sessionUpdate", "data": []}),
        json.dumps({"type": "runFinished", "data": 5}),
        json.dumps(_update("tool_call_update", content=[1])),
        json.dumps(_update("agent_message_chunk", content=1)),
        json.dumps({"type": "metadata", "data": {"meteringUsage": [{"value": "x", "unit": 5}, 3]}}),
        json.dumps({"type": "metadata", "data": {"meteringUsage": {"value": -1}}}),
        *('{"type": "runError"}', '{"type": "metadata", "data": null}', '{"type": null}', "{}", "{", ""),
    ],
)
def test_no_line_is_too_odd_to_be_read(line: str) -> None:
    reader = KiroReader(())
    _events(reader, STARTED)
    for event in reader.feed("out", line):
        json.dumps(event.to_json())
    json.dumps(dict(reader.facts()))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Authentication failed. Your session may have expired", "login"),
        ("The bearer token included in the request is invalid.", "login"),
        ("Unauthorized", "login"),
        ("You are not logged in", "login"),
        ("The API key is an invalid API key", "login"),
        ("ThrottlingException: Too many requests, please wait", "limit"),
        ("MONTHLY_REQUEST_COUNT", "limit"),
        ("The monthly limit has been reached", "limit"),
        ("You are out of credits", "limit"),
        ("Input is too long.", "failed"),
        ("The tool token-counter crashed", "failed"),
        ("", "failed"),
    ],
)
def test_an_error_says_of_what_kind_it_is(message: str, kind: str) -> None:
    reader = KiroReader((), streams=True)
    _events(reader, {"type": "runError", "data": {"stage": "prompt", "message": message}})
    assert reader.done
    assert reader.facts()["end"]["kind"] == kind


def test_credits_of_each_turn_add_up_and_other_units_do_not_count() -> None:
    reader = KiroReader(())
    metered = [{"value": 0.1, "unit": "credit"}, {"value": 7, "unit": "second"}]
    turn = {"type": "metadata", "data": {"meteringUsage": metered}}
    assert [event["credits"] for event in _events(reader, STARTED, turn, turn)] == [0.1, 0.2]
    assert reader.facts()["credits"] == 0.2
