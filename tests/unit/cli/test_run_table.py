"""The table of ``stepherd list`` fits the terminal, whatever runs are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.cli.run_table import table, whole_line
from stepherd.client.records import Run
from stepherd.text.plain import plain
from stepherd.text.terminal import width

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANY = st.none() | st.text(max_size=60)
RUNS = st.builds(
    Run,
    id=st.from_regex(r"\A(run_20261130T1[0-9]0000Z_[0-9a-f]{6}|[a-z0-9_-]{1,80})\Z"),
    status=st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]),
    started=st.integers(0, 10**7).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    title=ANY,
    repo=ANY,
    agent=st.sampled_from([None, "claude", "command"]),
    branch=ANY,
    cost_usd=st.none() | st.floats(0, 1000),
)


@given(st.lists(RUNS, min_size=1, max_size=5), st.integers(40, 200))
def test_no_line_is_longer_than_the_terminal_nor_drives_it(runs: list[Run], columns: int) -> None:
    lines = table(runs, columns, NOW.timestamp())
    assert len(lines) == len(runs) + 1
    for line in lines:
        assert width(line) <= columns
        assert plain(line) == line
        assert "\n" not in line


def run(number: int, **more: object) -> Run:
    fields: dict[str, object] = {
        "title": "Handle leap years in the calendar of tides", "repo": "https://forge.example/sea/tides.git",
        "agent": "claude", "branch": f"stepherd/run_20261130T101500Z_3fa9c{number}", "cost_usd": 0.4213,
    }  # fmt: skip
    started = NOW - timedelta(minutes=3 * number)
    return Run(f"run_20261130T101500Z_3fa9c{number}", "SUCCEEDED", started, **{**fields, **more})  # type: ignore[arg-type]


def test_at_120_columns_ids_are_whole() -> None:
    head, first, second = table([run(1), run(2, agent="q", cost_usd=None)], 120, NOW.timestamp())
    assert head.split() == ["RUN", "STATUS", "AGE", "COST", "AGENT", "REPO", "BRANCH", "TITLE"]
    assert first.startswith(
        "run_20261130T101500Z_3fa9c1  succeeded  3 min  $0.42  claude  sea/tides  stepherd/…  Handle"
    )
    assert first.endswith("in the calendar …")
    assert width(first) == 120
    assert second.split()[1:7] == ["succeeded", "6", "min", "q", "sea/tides", "stepherd/…"]


def test_at_80_columns_the_last_part_of_an_id_stands_for_it() -> None:
    _, first, second = table([run(1), run(2, branch="fix")], 80, NOW.timestamp())
    assert first.startswith("3fa9c1  succeeded  3 min  $0.42  claude  sea/tides")
    assert first.endswith("Handle leap yea…")
    assert second.startswith("3fa9c2  succeeded  6 min")
    assert max(map(len, (first, second))) <= 80


def test_a_part_that_two_share_is_not_shown_for_either() -> None:
    twins = [Run(f"run_2026113{day}T101500Z_3fa9c1", "FAILED", NOW, title="x" * 90) for day in (0, 1)]
    assert [line.split()[0] for line in table(twins, 80, NOW.timestamp())[1:]] == [twin.id for twin in twins]


@pytest.mark.parametrize(("cost", "shown"), [(0.0, "$0.00"), (0.001, "<$0.01"), (1234.5, "$1,234.50")])
def test_costs_are_dollars(cost: float, shown: str) -> None:
    assert shown in table([run(1, cost_usd=cost)], 120, NOW.timestamp())[1]


def test_columns_that_say_nothing_are_left_out() -> None:
    head = table([Run("nightly", "RUNNING", NOW)], 80, NOW.timestamp())[0]
    assert head.split() == ["RUN", "STATUS", "AGE"]


def test_elsewhere_nothing_is_cut() -> None:
    line = whole_line(run(1), 30, NOW.timestamp())
    assert line.startswith("run_20261130T101500Z_3fa9c1     succeeded  2026-11-30 ")
    assert "https://forge.example/sea/tides.git  stepherd/run_20261130T101500Z_3fa9c1  $0.42" in line
    assert line.endswith("Handle leap years in the calendar of tides")
