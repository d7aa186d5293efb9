"""Run ids."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stepherd.errors import UsageError
from stepherd.runs.ids import check_run_id, new_run_id


def test_a_new_id_holds_its_time_and_sorts_by_it() -> None:
    assert new_run_id(datetime(2026, 11, 21, 10, 15, tzinfo=UTC), "3fa9c1") == "run_20261121T101500Z_3fa9c1"


def test_two_ids_of_one_moment_differ() -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    assert len({new_run_id(moment) for _ in range(50)}) > 45


def test_a_new_id_is_acceptable() -> None:
    assert check_run_id(new_run_id())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x",
        "_x",
        "a b",
        "a:b",
        "a/b",
        "..",
        "a" * 81,
        "\N{ROCKET}",
        "a\n",
        "\N{FULLWIDTH LATIN SMALL LETTER A}",
    ],
)
def test_other_ids_are_refused_with_the_rule(text: str) -> None:
    with pytest.raises(UsageError, match="1 to 80 letters"):
        check_run_id(text)


def test_eighty_characters_pass() -> None:
    assert check_run_id("a" * 80)
