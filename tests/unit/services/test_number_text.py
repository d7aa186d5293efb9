"""Numbers and durations as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.services.number_text import read_seconds

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


@given(st.dictionaries(st.sampled_from("wdhms"), st.integers(0, 999), min_size=1))
def test_a_duration_is_the_sum_of_its_parts(parts: dict[str, int]) -> None:
    text = "".join(f"{parts[unit]}{unit}" for unit in "wdhms" if unit in parts)
    assert read_seconds(text) == sum(count * UNITS[unit] for unit, count in parts.items())


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), (" 10m ", 600), ("1h30m", 5400), ("0", 0), ("-5", -5)]
)
def test_a_number_alone_is_seconds(text: str, seconds: int) -> None:
    assert read_seconds(text) == seconds


@given(st.text("0123456789dhms.-+_ \u0661m", max_size=8))
def test_anything_is_a_number_of_seconds_or_refused(text: str) -> None:
    try:
        assert isinstance(read_seconds(text), int)
    except ValueError as error:
        assert "90s, 10m or 1h30m" in str(error)


@pytest.mark.parametrize("text", ["", "m", "10 m", "1m1h", "1.5h", "10min", "1h-5m", "\u0661m", "1e3", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1h30m"):
        read_seconds(text)
