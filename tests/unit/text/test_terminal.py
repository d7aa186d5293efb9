"""Hostile text is inert on a terminal (fault 92)."""

from __future__ import annotations

import time

import pytest

from stepherd.text.terminal import clean, cut, one_line, width


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;ZXZpbA==\x07copied", "copied"),
        ("\x1b]52;c;ZXZpbA==\x1b\\copied", "copied"),
        ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;never ends\nnext line", "\nnext line"),
        ("\x1bPq#0;2;0;0;0\x1b\\after", "after"),
        ("\x9d52;c;eA==\x9cafter", "after"),
        ("\x9b2Jgone", "gone"),
        ("a\x1b[2J\x1b[1;1Hb\x1b[31mc\x1b[0m", "abc"),
        ("\x1b[?1049h\x1b[>0c\x1b7x\x1bcy", "xy"),
        ("a\x1b[", "a"),
        ("a\x1b", "a"),
        ("\x00\x07\x08bell\x7f", "bell"),
        ("abc\u202etxt.exe\u2066\u200f\u061c", "abctxt.exe"),
        ("zero\u200bwidth\ufeff\U000e0041", "zerowidth"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("10 %\r50 %\r100 %\n", "100 %\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("[/foo] [bold]not markup[/bold]", "[/foo] [bold]not markup[/bold]"),
        ("täbs\tand\nlines 你好 ✓", "täbs\tand\nlines 你好 ✓"),
    ],
)
def test_what_could_drive_a_terminal_is_taken_out(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@pytest.mark.parametrize("piece", ["a", "\x1b[", "\x1b]8;;", "\r", "\x1b[31m", "\u202e", "\x9b1;"])
def test_a_line_of_a_megabyte_is_cleaned_in_a_moment(piece: str) -> None:
    long = piece * (1_000_000 // len(piece)) + "é"
    began = time.process_time()
    assert clean(long).endswith("é") or piece == "\x1b]8;;"
    assert time.process_time() - began < 2


def test_one_line_has_no_line_ends() -> None:
    assert one_line("a\n\x1b[31mb\t c\r\n") == "a b c"


def test_text_is_cut_to_columns_not_letters() -> None:
    assert cut("short", 10) == "short"
    assert cut("a long name", 6) == "a lon…"
    assert width("你好") == 4
    assert width(cut("你好你好", 5)) <= 5
    assert width("e\u0301") == 1
