"""Tool uses are put together from whatever pieces the service sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amazon_q_streaming_client import ToolCall, ToolProblem, ToolUseAssembler
from amazon_q_streaming_client.models import ToolUseEvent

WANTED = {"path": "/tmp", "deep": {"a": {"a": 1}}}
TEXT = json.dumps(WANTED)


def use(piece: Any = None, *, stop: bool | None = None, tool_use_id: str = "t") -> ToolUseEvent:
    return ToolUseEvent(tool_use_id=tool_use_id, name="run", input=piece, stop=stop)


def assemble(*pieces: Any) -> ToolCall:
    assembler = ToolUseAssembler()
    for piece in pieces:
        assert assembler.add(use(piece)) is None
    call = assembler.add(use(stop=True))
    assert call is not None
    assert assembler.finish() == [call]
    return call


@given(st.lists(st.integers(0, len(TEXT)), max_size=8).map(sorted))
def test_fragments_are_joined_wherever_they_are_cut(cuts: list[int]) -> None:
    pieces = [TEXT[a:b] for a, b in zip([0, *cuts], [*cuts, len(TEXT)], strict=True)]
    call = assemble(*pieces)
    assert (call.input, call.raw, call.problem) == (WANTED, TEXT, None)


@pytest.mark.parametrize(
    "pieces",
    [
        [TEXT[:5], TEXT[:9], TEXT],
        [TEXT, TEXT],
        [TEXT[:7], TEXT[7:], TEXT],
        [TEXT, TEXT[:7], TEXT[7:]],
        [TEXT + "\n", TEXT, TEXT],
        [{"path": "/tmp"}, {"path": "/tmp", "deep": {"a": {}}}, WANTED],
        [{"path": "/tmp"}, {"deep": {"a": {"a": 1}}}],
        [{"path": "/t"}, WANTED],
        [TEXT[:5], WANTED],
    ],
    ids=[
        "growing text",
        "repeated whole",
        "whole after fragments",
        "fragments after whole",
        "repeats with space",
        "growing objects",
        "parts of an object",
        "growing value",
        "text and then object",
    ],
)
def test_snapshots_and_repeats_give_the_same_input(pieces: list[Any]) -> None:
    call = assemble(*pieces)
    assert (call.input, call.problem) == (WANTED, None)


@pytest.mark.parametrize("pieces", [[], [""], [None], ["  "]])
def test_no_input_is_an_empty_object(pieces: list[Any]) -> None:
    assert assemble(*pieces).input == {}
    assert assemble(*pieces).problem is None


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        (['{"a": '], ToolProblem.INVALID_JSON),
        (['{"cmd": ', "{}"], ToolProblem.INVALID_JSON),
        (['{"a": 1}', '{"a": 2} x'], ToolProblem.INVALID_JSON),
        (['{"a": 1}{"a": 2}'], ToolProblem.INVALID_JSON),
        (["[" * 100_000], ToolProblem.INVALID_JSON),
        (["[1]"], ToolProblem.NOT_AN_OBJECT),
        (['"text"'], ToolProblem.NOT_AN_OBJECT),
    ],
)
def test_input_that_is_no_object_is_told_and_never_guessed(pieces: list[Any], problem: ToolProblem) -> None:
    call = assemble(*pieces)
    assert (call.input, call.problem) == ({}, problem)
    assert call.raw == "".join(pieces)


def test_a_missing_stop_is_truncation_even_of_complete_json() -> None:
    assembler = ToolUseAssembler()
    assembler.add(use(TEXT))
    assembler.add(use({"a": 1}, tool_use_id="object"))
    text, snapshot = assembler.finish()
    assert (text.problem, text.input, text.raw) == (ToolProblem.TRUNCATED, {}, TEXT)
    assert (snapshot.problem, snapshot.raw) == (ToolProblem.TRUNCATED, '{"a": 1}')


def test_interleaved_tool_uses_stay_apart_and_in_order() -> None:
    assembler = ToolUseAssembler()
    for letter in '{"k": 1}':
        assembler.add(use(letter, tool_use_id="b"))
        assembler.add(use(letter.replace("1", "2"), tool_use_id="a"))
    assembler.add(use(stop=True, tool_use_id="a"))
    assembler.add(use(stop=True, tool_use_id="b"))
    assert assembler.add(use('{"k": 1}', stop=True, tool_use_id="b")) is None
    first, second = assembler.finish()
    assert (first.tool_use_id, first.input, second.input) == ("b", {"k": 1}, {"k": 2})
    assert first.to_tool_use().to_wire() == {"toolUseId": "b", "name": "run", "input": {"k": 1}}


def test_a_stop_piece_needs_neither_name_nor_id() -> None:
    assembler = ToolUseAssembler()
    assembler.add(ToolUseEvent(tool_use_id="t", name="", input='{"a": '))
    assembler.add(ToolUseEvent(tool_use_id="t", name="read", input="1}"))
    call = assembler.add(ToolUseEvent(tool_use_id="", name="", stop=True))
    assert call == ToolCall("t", "read", {"a": 1}, '{"a": 1}')


def test_a_tool_use_without_id_or_name_can_be_answered_and_kept() -> None:
    assembler = ToolUseAssembler()
    first = assembler.add(ToolUseEvent(tool_use_id="", name="", stop=True))
    second = assembler.add(ToolUseEvent(tool_use_id="", name="b", stop=True))
    assert first is not None
    assert second is not None
    assert first.tool_use_id != second.tool_use_id
    assert first.to_tool_use().name == "unknown_tool"
    assert first.to_result("none").tool_use_id == first.tool_use_id


def test_an_id_that_requests_do_not_allow_is_answered_all_the_same() -> None:
    call = ToolCall("odd id." * 20, "odd name." * 20, {})
    assert call.to_tool_use().name == ("odd_name_" * 20)[:64]
    assert call.to_result("x", is_error=True).to_wire() == {
        "toolUseId": call.tool_use_id,
        "content": [{"text": "x"}],
        "status": "error",
    }


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1}{"a": -Infinity}'])
def test_numbers_that_are_not_json_make_the_input_invalid(text: str) -> None:
    call = ToolUseAssembler().add(ToolUseEvent(tool_use_id="t", name="n", input=text, stop=True))
    assert call is not None
    assert (call.input, call.problem) == ({}, ToolProblem.INVALID_JSON)


@pytest.mark.parametrize("number", ["1e999", "-1e400"])
def test_a_number_too_large_for_python_is_no_number(number: str) -> None:
    assembler = ToolUseAssembler()
    call = assembler.add(ToolUseEvent(tool_use_id="t", name="n", input=f'{{"a": [{number}]}}', stop=True))
    assert call is not None
    assert call.problem is ToolProblem.INVALID_JSON


@given(depth=st.integers(1, 300), is_list=st.booleans())
@example(depth=99, is_list=False)
@example(depth=100, is_list=True)
def test_input_is_as_deep_as_a_request_may_be_or_told_to_be_too_deep(depth: int, is_list: bool) -> None:
    opens, closes = ("[", "]") if is_list else ('{"a": ', "}")
    text = f'{{"a": {opens * depth}1{closes * depth}}}'
    call = ToolUseAssembler().add(ToolUseEvent(tool_use_id="t", name="n", input=text, stop=True))
    assert call is not None
    assert call.problem is (ToolProblem.TOO_DEEP if depth > 99 else None)
    call.to_tool_use().to_wire()


def test_halves_of_characters_in_an_input_are_joined_or_replaced() -> None:
    text = r'{"a\ud83d\ude00": ["\ud800", {"b": "x\udfffy"}]}'
    call = ToolUseAssembler().add(ToolUseEvent(tool_use_id="t", name="n", input=text, stop=True))
    assert call is not None
    assert call.input == {"a😀": ["\ufffd", {"b": "x\ufffdy"}]}
