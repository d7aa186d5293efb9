"""GET /executions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.api.fixtures import Api

from stepherd.api.ownership import owned_runs, record_owner
from stepherd.api_keys.callers import Caller
from stepherd.runs.folder import run_folder


def pages(api: Api, key: str, query: str = "") -> list[list[str]]:
    """The run ids of every page, until there is no next one."""
    found, cursor = [], ""
    for _ in range(50):
        body = api.call("GET", f"/executions?{query}{cursor}", key).ok()
        found.append([run["run_id"] for run in body["executions"]])
        if body["next_cursor"] is None:
            return found
        cursor = f"&cursor={body['next_cursor']}"
    raise AssertionError("the list does not end")


def flat(found: list[list[str]]) -> list[str]:
    return [run_id for page in found for run_id in page]


@pytest.mark.parametrize("scope", ["runs:read", "admin"])
def test_pages_hold_every_run_once_newest_first(api: Api, scope: str) -> None:
    writer = api.key("ada")
    started = [api.start(writer) for _ in range(5)]
    key = api.key("ada", scope)
    found = flat(pages(api, key, "limit=2"))
    mine = [run_id for run_id in found if run_id in started]
    assert len(found) == len(set(found))
    assert sorted(mine) == sorted(started)
    if scope != "admin":
        assert found == sorted(started, reverse=True)
        assert [len(page) for page in pages(api, key, "limit=2")] == [2, 2, 1]


def test_an_owner_sees_no_other_s_runs_and_an_admin_sees_all(api: Api) -> None:
    ada, bob = api.key("ada"), api.key("bob")
    hers, his = api.start(ada), api.start(bob)
    assert flat(pages(api, ada)) == [hers]
    assert flat(pages(api, bob)) == [his]
    assert {hers, his} <= set(flat(pages(api, api.key("root", "admin"), "limit=100")))


@pytest.mark.parametrize("scope", ["runs:read", "admin"])
def test_filters_leave_pages_that_are_empty_and_not_the_last(api: Api, scope: str) -> None:
    writer = api.key("ada")
    failed = api.finish(writer, "fail")
    done = [api.finish(writer) for _ in range(3)]
    for run_id in [failed, *done]:
        given = {"instructions": "x", "agent": "apply" if run_id == failed else "command"}
        _prepared(api, run_id, given)
    key = api.key("ada", scope)
    assert failed in flat(pages(api, key, "status=failed&limit=1"))
    assert set(done) & set(flat(pages(api, key, "status=FAILED&limit=100"))) == set()
    assert flat(pages(api, key, "agent=apply&limit=1")) == [failed]
    if scope == "admin":
        assert [] in pages(api, key, "agent=apply&limit=1")


def _prepared(api: Api, run_id: str, given: dict[str, Any]) -> None:
    fields = {
        "run_id": run_id, "repo": "https://h/r", "base": None, "branch": "b", "command": None, "message": "m",
        "timeout_seconds": 1, "push": "none", "verify": None, "verify_required": False,
        "git_credentials": None, **given,
    }  # fmt: skip
    run_folder(api.store, run_id).store.put("request.json", json.dumps(fields).encode())


@pytest.mark.parametrize("scope", ["runs:read", "admin"])
def test_times_bound_the_list(api: Api, scope: str) -> None:
    writer = api.key("ada")
    run_id = api.finish(writer)
    key = api.key("ada", scope)
    started = api.call("GET", f"/executions/{run_id}", key).ok()["started"]
    assert run_id in flat(pages(api, key, f"since={started}&limit=100"))
    assert run_id not in flat(pages(api, key, f"until={started}&limit=100"))
    assert flat(pages(api, key, "since=2999-01-01T00:00:00Z")) == []
    assert flat(pages(api, key, "until=1999-01-01T00:00:00Z&limit=100")) == []


def test_a_run_that_was_recorded_and_never_started_is_passed_over(api: Api) -> None:
    key = api.key("ada")
    record_owner(api.store, Caller("ada", "runs:write", "k"), "run_20261121T101500Z_aaaaaaaaaaaaaaaa")
    run_id = api.start(key)
    assert flat(pages(api, key)) == [run_id]


def test_years_of_runs_are_found_from_month_to_month(api: Api) -> None:
    caller = Caller("old", "runs:read", "k")
    ids = [f"run_20{year}{month:02}15T000000Z_aaaa" for year in (24, 25) for month in range(1, 13)]
    for run_id in ids:
        record_owner(api.store, caller, run_id)
    assert list(owned_runs(api.store, "old", before="run_~", earliest="")) == ids[::-1]
    middle = list(owned_runs(api.store, "old", before=ids[13], earliest=ids[10]))
    assert middle == [ids[12], ids[11], ids[10]]
    assert list(owned_runs(api.store, "nobody", before="run_~", earliest="")) == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=", "limit=٣", "status=done", "since=yesterday", "until=",
     "cursor=x", "cursor=bnVsbA", "cursor=e30x", "cursor=eyJ0b2tlbiI6MX0", "cursor=", "page=2", "cursor=ü"],
)  # fmt: skip
@pytest.mark.parametrize("scope", ["runs:read", "admin"])
def test_a_parameter_that_makes_no_sense_is_named(api: Api, query: str, scope: str) -> None:
    reply = api.call("GET", f"/executions?{query}", api.key("ada", scope))
    assert reply.ok(400)["field"] == query.partition("=")[0]


def test_a_cursor_of_another_kind_of_list_is_refused(api: Api) -> None:
    ada, root = api.key("ada"), api.key("ada", "admin")
    for _ in range(3):
        api.start(ada)
    own = api.call("GET", "/executions?limit=1", ada).ok()["next_cursor"]
    everybody = api.call("GET", "/executions?limit=1", root).ok()["next_cursor"]
    assert api.call("GET", f"/executions?cursor={everybody}", ada).ok(400)["field"] == "cursor"
    assert api.call("GET", f"/executions?cursor={own}", root).ok(400)["field"] == "cursor"
    tampered = f"{everybody[:-8]}AAAAAAAA"
    assert api.call("GET", f"/executions?cursor={tampered}", root).ok(400)["field"] == "cursor"
