"""GET /executions/{run_id}, stop and redrive."""

from __future__ import annotations

import pytest
from tests.integration.api.fixtures import Api

from stepherd.runs.folder import run_folder


def test_a_run_is_stopped_with_the_name_of_who_did_it_and_again_is_no_error(api: Api) -> None:
    key = api.key("ada")
    run_id = api.start(key, "wait")
    assert api.call("GET", f"/executions/{run_id}", key).ok()["states"][0]["status"] == "RUNNING"
    first = api.call("POST", f"/executions/{run_id}/stop", key).ok(202)
    assert first["status"] == "ABORTED"
    assert api.call("POST", f"/executions/{run_id}/stop", key).ok(202) == first
    body = api.call("GET", f"/executions/{run_id}", key).ok()
    assert body["states"] == [{**body["states"][0], "name": "Wait", "status": "ABORTED"}]
    assert body["error"]["category"] == "stopped"
    assert "The run was stopped by ada" in body["error"]["message"]


def test_stopping_what_has_ended_leaves_it_as_it_is(api: Api) -> None:
    key = api.key()
    run_id = api.finish(key)
    assert api.call("POST", f"/executions/{run_id}/stop", key).ok(202)["status"] == "SUCCEEDED"


def test_a_failed_run_is_redriven_once_for_each_key(api: Api) -> None:
    key = api.key()
    run_id = api.finish(key, "fail")
    for _ in range(2):
        api.call("POST", f"/executions/{run_id}/redrive", key, idempotency_key="again").ok(202)
        api.machine.ended(run_id)
    assert api.call("GET", f"/executions/{run_id}", key).ok()["redrives"] == 1
    api.call("POST", f"/executions/{run_id}/redrive", key).ok(202)
    api.machine.ended(run_id)
    assert api.call("GET", f"/executions/{run_id}", key).ok()["redrives"] == 2


@pytest.mark.parametrize("message", ["done", "wait"])
def test_what_did_not_fail_cannot_be_redriven(api: Api, message: str) -> None:
    key = api.key()
    run_id = api.finish(key) if message == "done" else api.start(key, message)
    body = api.call("POST", f"/executions/{run_id}/redrive", key).ok(409)
    assert body["category"] == "conflict"


def test_a_failed_run_without_a_report_says_what_the_machine_said(api: Api) -> None:
    key = api.key()
    run_id = api.finish(key, "fail")
    error = api.call("GET", f"/executions/{run_id}", key).ok()["error"]
    assert error["category"] == "RunFailed"
    assert "because it was asked to" in error["message"]
    assert error["remedy"].endswith(f"/executions/{run_id}/redrive")


def test_the_report_s_error_is_told_with_its_remedy(api: Api) -> None:
    key = api.key()
    run_id = api.finish(key, "fail")
    error = {
        "state": "RunAgent", "category": "agent", "message": "It failed.", "remedy": "Mend it.",
        "retryable": False, "next": "stepherd redrive",
    }  # fmt: skip
    run_folder(api.store, run_id).write_report({"error": error, "branch": "stepherd/x", "commit": "c"}, "")
    body = api.call("GET", f"/executions/{run_id}", key).ok()
    del error["next"]
    assert (body["error"], body["branch"], body["commit"]) == (error, "stepherd/x", "c")


def test_a_read_key_reads_and_changes_nothing(api: Api) -> None:
    run_id = api.start(api.key("ada"), "wait")
    reader = api.key("ada", "runs:read")
    api.call("GET", f"/executions/{run_id}", reader).ok()
    for action in ("stop", "redrive"):
        assert api.call("POST", f"/executions/{run_id}/{action}", reader).status == 403
    assert api.call("GET", f"/executions/{run_id}", reader).ok()["status"] == "RUNNING"
