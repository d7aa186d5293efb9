"""However messages and remedies end, one sentence end lies between them when they stand in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.remedies import joined

ENDS = ".!?…"
some_text = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40).map(str.strip)


@pytest.mark.parametrize(
    ("message", "remedy", "line"),
    [
        ("It said: overloaded", "Partial work is kept.", "It said: overloaded. Partial work is kept."),
        ("It ended.", "Try again.", "It ended. Try again."),
        ("It said 'no.'", "Try again.", "It said 'no.' Try again."),
        ("It said 'no'", "Try again.", "It said 'no'. Try again."),
        ("Really?", "Try again.", "Really? Try again."),
        ("It said:", "Try again.", "It said. Try again."),
        ("It ended.", "Go on with: stepherd redrive run_1", "It ended. Go on with: stepherd redrive run_1"),
        ("It ended", "", "It ended"),
        ("", "Try again.", "Try again."),
    ],
)
def test_one_end_lies_between_a_message_and_its_remedy(message: str, remedy: str, line: str) -> None:
    assert joined(message, remedy) == line


@given(message=some_text, remedy=some_text)
def test_whatever_they_are_there_is_one_end_between_them(message: str, remedy: str) -> None:
    line = joined(message, remedy)
    if not message or not remedy:
        assert line in (message, remedy)
        return
    assert line.endswith(remedy)
    head = line[: len(line) - len(remedy)]
    assert head.endswith(" ")
    first = head.rstrip(" \"'`”\u2019»)]}*_")
    # What is only quotes and brackets is no sentence.
    assert not first or first[-1] in ENDS
    # AND nothing was added where there was an end, but for what leads on to nothing.
    assert head.strip().rstrip(".") in message or message.rstrip(" ,;:") == ""
    assert not head.strip().endswith("..") or message.endswith("..")


@given(parts=st.lists(some_text, max_size=5))
def test_joining_twice_is_joining_once(parts: list[str]) -> None:
    assert joined(*parts[:2], joined(*parts[2:])) == joined(*parts)
