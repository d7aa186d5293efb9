"""Lists of runs take their texts out of folders that others can write to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.client.listing import Outline, Wanted, chosen, outlines
from stepherd.errors import CredentialsError
from stepherd.services.store.contract import Store
from stepherd.services.store.opening import open_store
from stepherd.text.plain import plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
FIELDS = st.sampled_from(["message", "repo", "agent", "branch", "push", "usage"])


def write(store: Store, run_id: str, key: str, fields: object) -> None:
    store.put(f"runs/{run_id}/{key}", json.dumps(fields).encode())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(str(tmp_path / "store"))
    request = {
        "message": "Fix it\n\nBody",
        "repo": "/src/app",
        "agent": "command",
        "branch": "b",
        "push": "branch",
    }
    for number in range(4):
        agent = "command" if number % 2 else "claude"
        write(made, f"run_{number}", "request.json", {**request, "agent": agent, "repo": f"/src/app{number}"})
    write(made, "run_1", "report.json", {"branch": "c", "usage": {"cost_usd": 0.5}})
    write(made, "run_2", "report.json", {"branch": None})
    return made


def test_a_run_is_outlined_by_its_request_and_its_report(store: Store) -> None:
    assert outlines(store, ["run_0", "run_1", "run_2", "gone"]) == [
        Outline("Fix it", "/src/app0", "claude", "b"),
        Outline("Fix it", "/src/app1", "command", "c", 0.5),
        Outline("Fix it", "/src/app2", "claude", None),  # It has ended, and nothing was pushed.
        Outline(),
    ]


@given(request=st.dictionaries(FIELDS, JSON), report=st.dictionaries(FIELDS, JSON))
def test_whatever_stands_there_is_plain_text_or_nothing(
    request: dict[str, Any], report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = open_store(str(tmp_path_factory.mktemp("any")))
    write(made, "r", "request.json", request)
    write(made, "r", "report.json", report)
    (found,) = outlines(made, ["r"])
    for text in (found.title, found.repo, found.agent, found.branch):
        assert text is None or (plain(text) == text and 0 < len(text) <= 300)
    assert found.cost_usd is None or abs(found.cost_usd) < float("inf")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [0, 1]),
        (Wanted(agent="claude"), [0, 2]),
        (Wanted(agent="clau"), []),
        (Wanted(repo="APP3"), [3]),
        (Wanted(repo="/src/app2"), [2]),
        (Wanted(since=8.0), [0, 1]),
        (Wanted(since=8.5, agent="command"), [1]),
        (Wanted(since=99.0), []),
    ],
)
def test_runs_are_chosen_newest_first(store: Store, wanted: Wanted, found: list[int]) -> None:
    listed = ({"run_id": f"run_{number}", "started": 10.0 - number} for number in range(4))
    assert [run["run_id"] for run, _ in chosen(store, listed, wanted, 2)] == [
        f"run_{number}" for number in found
    ]


def test_no_more_runs_are_read_than_are_asked_for(store: Store) -> None:
    def listed() -> Iterator[dict[str, Any]]:
        yield from ({"run_id": f"run_{number}", "started": 1.0} for number in range(2))
        raise AssertionError("a third was read")

    assert len(list(chosen(store, listed(), Wanted(), 2))) == 2


class _Closed:
    """A store that may not be read."""

    reference = "file:///closed"

    def child(self, _prefix: str) -> _Closed:
        return self

    def get(self, _key: str) -> None:
        raise CredentialsError("Not yours.")


def test_who_may_not_read_the_store_sees_the_runs_all_the_same() -> None:
    closed: Any = _Closed()
    listed = [{"run_id": "run_1", "started": 1.0}]
    assert list(chosen(closed, iter(listed), Wanted(), 2)) == [(listed[0], Outline())]
    with pytest.raises(CredentialsError):
        list(chosen(closed, iter(listed), Wanted(agent="q"), 2))
