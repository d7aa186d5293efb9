"""Fault 32: another owner's run is not there, whatever is asked of it; only an admin sees it."""

from __future__ import annotations

import pytest
from tests.integration.api.fixtures import Api

CALLS = [("GET", ""), ("GET", "/logs"), ("POST", "/stop"), ("POST", "/redrive")]
ABSENT = "run_20261121T101500Z_0000000000000000"


@pytest.mark.parametrize(("method", "action"), CALLS)
def test_it_looks_like_a_run_that_never_was(api: Api, method: str, action: str) -> None:
    run_id = api.start(api.key("bob"), "wait")
    ada = api.key("ada")
    theirs = api.call(method, f"/executions/{run_id}{action}", ada)
    nobodys = api.call(method, f"/executions/{ABSENT}{action}", ada)
    assert theirs.status == nobodys.status == 404
    assert theirs.json == {**nobodys.json, "detail": theirs.json["detail"]}
    assert theirs.json["detail"].replace(run_id, "") == nobodys.json["detail"].replace(ABSENT, "")
    assert api.call("GET", f"/executions/{run_id}", api.key("bob")).ok()["status"] == "RUNNING"
    admin = api.call(method, f"/executions/{run_id}{action}", api.key("root", "admin"))
    assert admin.status == (409 if action == "/redrive" else 202 if method == "POST" else 200)


@pytest.mark.parametrize(
    "run_id",
    [
        "..",
        "%2e%2e",
        "a.b",
        "run_1%2Fx",
        "é",
        "x" * 81,
        "x" * 5000,
        "run_1%00",
        "-x",
        "run 1",
        "run_1\n",
        "*",
    ],
)
@pytest.mark.parametrize("scope", ["runs:write", "admin"])
def test_an_impossible_id_is_not_there_either(api: Api, run_id: str, scope: str) -> None:
    key = api.key("ada", scope)
    for method, action in CALLS:
        assert api.call(method, f"/executions/{run_id}{action}", key).status == 404


def test_an_owner_whose_name_begins_like_another_s_is_another(api: Api) -> None:
    run_id = api.start(api.key("ada"))
    for owner in ("ad", "ada2", "Ada"):
        key = api.key(owner)
        assert api.call("GET", f"/executions/{run_id}", key).status == 404
        assert api.call("GET", "/executions", key).ok()["executions"] == []
