"""Lists in sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.text.enumeration import first_of


@pytest.mark.parametrize(
    ("items", "shown"), [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more")]
)
def test_the_first_are_named_and_the_rest_is_counted(items: str, shown: str) -> None:
    assert first_of(items, 3) == shown


@given(st.lists(st.integers()), st.integers(1, 5))
def test_no_item_is_shown_that_is_counted(items: list[int], most: int) -> None:
    shown, _, counted = first_of(items, most, separator=";").partition(" and ")
    named = shown.split(";") if shown else []
    assert named == [str(item) for item in items[:most]]
    assert int(counted.removesuffix(" more") or 0) == len(items) - len(named)


def test_each_is_shown_as_asked() -> None:
    assert first_of(["a", "b"], 1, str.upper) == "A and 1 more"
