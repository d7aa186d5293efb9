"""Bounded output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stepherd.agents.output import FULL_PIECE, MOST_BYTES, MOST_LINE_BYTES, Transcript
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


RENEWED = "cAn4ry-renewed-token-0123456789"


def test_what_was_printed_before_a_doubt_is_masked_wherever_it_looks_like_a_token(tmp_path: Path) -> None:
    """No one knows a token that was replaced before anybody looked: both streams may hold it, in the pieces
    that are read until their pipes are empty."""
    certain = [True, False, True, True, True, True, True]
    with _doubting(tmp_path, certain) as transcript:
        assert transcript.take("agent", b"sure abcdefghijklmnopqrstuvwxyz\n") == [
            "sure abcdefghijklmnopqrstuvwxyz"
        ]
        # WHEN it is not certain THEN this piece is masked
        assert transcript.take("agent", f"new {RENEWED}\nshort words stay\n".encode()) == [
            "new ***",
            "short words stay",
        ]
        # AND a full one and the first that is not, on each stream
        full = f"{RENEWED} ".encode().ljust(FULL_PIECE - 1, b".") + b"\n"
        assert RENEWED not in transcript.take("agent", full)[0]
        assert transcript.take("agent", f"{RENEWED}\n".encode()) == ["***"]
        assert transcript.take("agent-errors", f"error {RENEWED}\n".encode()) == ["error ***"]
        # AND nothing after that
        assert transcript.take("agent", b"https://example.com/a/b/c/d\n") == ["https://example.com/a/b/c/d"]
        assert transcript.take("agent-errors", b"tests/unit/agents/test_it.py\n") == [
            "tests/unit/agents/test_it.py"
        ]


@pytest.mark.parametrize("cut", range(5, 40, 5))
def test_a_token_in_doubt_is_masked_also_where_pieces_part_it(tmp_path: Path, cut: int) -> None:
    text = f"new {RENEWED} end\n".encode()
    with _doubting(tmp_path, [False, *[True] * 9]) as transcript:
        pieces = (text[:4], text[4:cut], text[cut:])
        lines = [line for piece in pieces for line in transcript.take("agent", piece)]
        assert lines + transcript.end_stream("agent") == ["new *** end"]


@contextmanager
def _doubting(folder: Path, answers: list[bool]) -> Iterator[Transcript]:
    transcript = Transcript.create(folder / "transcript.jsonl", Redactor())
    rest = iter(answers)
    transcript.before = lambda: next(rest, True)
    yield transcript
    transcript.close()
