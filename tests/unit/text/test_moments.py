"""Durations, countdowns and moments for reading."""

from __future__ import annotations

import pytest

from stepherd.text.durations import countdown_text
from stepherd.text.moments import until_text


@pytest.mark.parametrize(
    ("seconds", "text"), [(581.9, "9:41"), (7, "0:07"), (-3, "0:00"), (3_599, "59:59"), (3_723, "1:02:03")]
)
def test_a_countdown_reads_as_a_clock(seconds: float, text: str) -> None:
    assert countdown_text(seconds) == text


def test_a_moment_says_how_far_away_it_is() -> None:
    assert until_text("1970-01-01T01:00:00+01:00", -12.0) == "1970-01-01 00:00:00 UTC (in 12 s)"
    assert until_text("1970-01-01T00:00:00Z", 12.0) == "1970-01-01 00:00:00 UTC (12 s ago)"
    assert until_text("soon") == "soon"
