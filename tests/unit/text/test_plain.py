"""Text made inert for a terminal (fault 92)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.text.plain import is_unsafe, json_text, one_paragraph, plain, visible


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
        ("\x1b[1;31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x1b\\ \x1bMx", "red link x"),
        ("fill\u3164er tag\U000e0041 \ufff0reserved", "filler tag reserved"),
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


@given(st.text())
def test_what_was_made_plain_is_safe_and_can_be_encoded(text: str) -> None:
    shown = one_paragraph(text, 50)
    assert not is_unsafe(shown)
    assert len(shown) <= 50
    plain(text).encode()


@pytest.mark.parametrize(
    "name",
    [
        "a\tb",
        "a\nb",
        "\x9b2J",
        "user\u202etxt",
        "a\u200bb",
        "\x00",
        "\x7f",
        "a\u00adb",
        "\ud800",
        "\U000e0041",
    ],
)
def test_names_with_what_is_not_seen_are_unsafe(name: str) -> None:
    assert is_unsafe(name)


def test_other_names_are_not() -> None:
    assert not any(map(is_unsafe, ["", "main", "žluťoučký kůň", "日本/😀", "e\u0301"]))


@pytest.mark.parametrize("text", ["\x9b2J", "\u202etxt", "a\u2028b", "\U000e0041"])
def test_json_never_holds_what_could_drive_a_terminal(text: str) -> None:
    """JSON itself escapes only the controls below the space."""
    written = json_text({"text": text, "also": "kůň"})
    assert plain(written) == written
    assert json.loads(written) == {"text": text, "also": "kůň"}
    assert "kůň" in json_text({"text": "kůň"})


@given(st.text())
def test_what_is_made_visible_cannot_drive_a_terminal_and_loses_nothing_that_shows(text: str) -> None:
    shown = visible(text)
    assert plain(shown) == shown
    assert "\n" not in shown
    kept = [letter for letter in text if plain(letter) == letter and letter != "\n"]
    rest = iter(shown)
    assert all(letter in rest for letter in kept)  # In their order.


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\tb", "a\tb"), ("a\rb", "a^Mb"), ("\x1b[2J", "<U+001B>[2J"), ("\u202ex", "<U+202E>x"), ("é", "é")],
)
def test_hidden_characters_are_shown_by_their_codes(text: str, shown: str) -> None:
    assert visible(text) == shown
