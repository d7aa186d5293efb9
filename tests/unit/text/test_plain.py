"""Text made inert for a terminal (fault 92)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.text.plain import one_paragraph, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;Y2FuYXJ5\x07clipboard", "clipboard"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
        ("\x9b2Jcleared", "cleared"),
        ("over\rwritten", "over\nwritten"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("bell\x07 nul\0 del\x7f", "bell nul del"),
        ("Grüße, 日本 😀 [/foo] <script>", "Grüße, 日本 😀 [/foo] <script>"),
    ],
)
def test_only_visible_text_is_left(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b[]\x9b\x07;m0"))))
def test_no_text_whatever_keeps_a_control_character(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", plain(text))


def test_a_paragraph_is_one_line_and_bounded() -> None:
    assert one_paragraph(" Open\n\n  https://x \t now ", 100) == "Open https://x now"
    assert one_paragraph("x" * 1_000_000, 10) == "xxxxxxxxx…"
