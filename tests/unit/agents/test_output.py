"""Bounded output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.agents.output import MOST_BYTES, MOST_LINE_BYTES, Transcript
from stepherd.services.redaction import Redactor


class _Case:
    def __init__(self, path: Path) -> None:
        self.path = path / "transcript.jsonl"
        self.transcript = Transcript.create(self.path, Redactor())

    def records(self) -> list[dict[str, Any]]:
        self.transcript.close()
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def case(tmp_path: Path) -> _Case:
    return _Case(tmp_path)


def test_lines_are_kept_with_stream_and_time(case: _Case) -> None:
    case.transcript.take("agent", b"one\ntwo\r\nthr")
    case.transcript.take("agent", b"ee\n")
    case.transcript.take("agent-errors", b"no end")
    records = case.records()
    assert [(r["stream"], r["text"]) for r in records] == [
        ("agent", "one"),
        ("agent", "two"),
        ("agent", "three"),
        ("agent-errors", "no end"),
    ]
    assert all(record["at"] >= 0 for record in records)
    assert not case.transcript.truncated


def test_last_lines_have_no_control_characters_and_the_transcript_has_them_escaped(case: _Case) -> None:
    case.transcript.take("agent", b"\x1b]52;c;aGk=\x07\x1b[31mred\x1b[0m\0\x9b\xff\n")
    records = case.records()
    assert list(case.transcript.lines) == ["red\ufffd\ufffd"]
    assert "\x1b" in records[0]["text"]
    assert "\x1b" not in case.path.read_text()


def test_a_character_that_is_split_between_two_reads_is_whole(case: _Case) -> None:
    for byte in "Grüße\n".encode():
        case.transcript.take("agent", bytes([byte]))
    assert case.records()[0]["text"] == "Grüße"


def test_a_long_line_keeps_its_start_and_says_what_is_missing(case: _Case) -> None:
    for _ in range(800):
        case.transcript.take("agent", b"x" * 65536)
    case.transcript.take("agent", b"\nnext\n")
    records = case.records()
    assert len(records[0]["text"]) == MOST_LINE_BYTES
    assert records[0]["cut"] == 800 * 65536 - MOST_LINE_BYTES
    assert records[1]["text"] == "next"
    assert case.transcript.truncated


def test_too_much_output_keeps_its_start_and_its_end(case: _Case) -> None:
    lines = b"".join(b"line %07d\n" % number for number in range(5000))
    total = 0
    for _ in range(400):
        case.transcript.take("agent", lines)
        total += len(lines)
    case.transcript.take("agent", b"the end\n")
    records = case.records()
    assert case.path.stat().st_size < 2 * MOST_BYTES
    assert records[0]["text"] == "line 0000000"
    left_out = [record["left_out"] for record in records if "left_out" in record]
    assert len(left_out) == 1
    assert total - MOST_BYTES < left_out[0] < total
    assert records[-2]["text"] == "the end"
    assert case.transcript.lines[-2] == "the end"
    assert case.transcript.truncated
