"""Long lines are parted between words, and what is to be copied stays whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.text.terminal import width, wrapped

words = st.text(st.characters(codec="utf-8", exclude_characters=" '\n\r\t"), min_size=1, max_size=30)
lines = st.builds(lambda margin, parts: " " * margin + " ".join(parts), st.integers(0, 4), st.lists(words))


@given(lines, st.integers(20, 100), st.integers(0, 12))
def test_nothing_is_lost_and_no_word_is_parted(line: str, columns: int, hang: int) -> None:
    shown = wrapped(line, columns, hang)
    assert shown.split() == line.split()
    for each in shown.split("\n"):
        inside = each.strip(" ")
        assert width(each) <= columns or " " not in inside or width(each) == width(line)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  report   /a/path/that/is/longer/than/the/line/is/wide/report.md",
            "  report   /a/path/that/is/longer/than/the/line/is/wide/report.md",
        ),
        (
            "  error    It ended with exit code 3 and said no more.",
            "  error    It ended with exit code 3\n           and said no more.",
        ),
        (
            "Log in to that account, then: stepherd run --repo . --instructions task.md",
            "Log in to that account, then:\n  stepherd run --repo . --instructions task.md",
        ),
        (
            "It lacks A: export KEY=…, or give each run --agent-credentials REF",
            "It lacks A: export KEY=…, or give\n  each run --agent-credentials REF",
        ),
        (
            "There is no file 'of this name with spaces'. Give another.",
            "There is no file\n  'of this name with spaces'. Give\n  another.",
        ),
        ("short", "short"),
    ],
)
def test_what_is_to_be_copied_stays_whole(line: str, shown: str) -> None:
    assert wrapped(line, 36, 11 if line.startswith(" ") else 2) == shown
