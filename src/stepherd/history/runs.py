"""The runs of a state machine, and what those wait for that wait for a login."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

from stepherd.errors import CredentialsError, NotFoundError
from stepherd.history.logins import LoginProgress, Waiting
from stepherd.services.json_text import read_json

__all__ = ["STATUSES", "events_after", "iterate_runs", "list_runs", "waiting_runs"]

Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""An operation of Step Functions and its request → its answer."""
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
_PAGE = 1000
"""The longest page of ListExecutions and of GetExecutionHistory."""
_NEWS = 25
"""A page for what is new: a few events, as a rule."""
_PARENT = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"


def list_runs(call: Call, machine_arn: str, status: str | None, limit: int) -> list[dict[str, Any]]:
    """At most ``limit`` runs of a state machine, newest first. Moments are seconds since the epoch."""
    return list(islice(iterate_runs(call, machine_arn, status, limit), limit))


def iterate_runs(
    call: Call, machine_arn: str, status: str | None, page: int = _PAGE
) -> Iterator[dict[str, Any]]:
    """The same one by one, as many as are taken; ``page`` is how many are asked for at a time, at most."""
    request: dict[str, Any] = {"stateMachineArn": machine_arn, "maxResults": min(page, _PAGE)}
    if status:
        request["statusFilter"] = status.upper()
    while True:
        answer = call("ListExecutions", request)
        for e in answer["executions"]:
            yield {
                "run_id": e["name"], "status": e["status"], "started": e["startDate"],
                "stopped": e.get("stopDate"), "redrives": e.get("redriveCount", 0),
            }  # fmt: skip
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]


def waiting_runs(call: Call, login_machine_arn: str, runs: Set[str]) -> dict[str, Waiting]:
    """Those of ``runs`` that wait for a login, each with its wait: the few logins under way are asked.

    Empty for a caller that may see runs and no logins.
    """
    if not runs:
        return {}
    request = {"stateMachineArn": login_machine_arn, "statusFilter": "RUNNING", "maxResults": _PAGE}
    found: dict[str, Waiting] = {}
    with contextlib.suppress(CredentialsError, NotFoundError):
        for execution in call("ListExecutions", request)["executions"]:
            login = LoginProgress(execution["executionArn"])
            run = _started_by(call, login.arn)
            if run in runs and login.feed(events_after(call, login.arn, 0)) and login.waiting:
                found[run] = login.waiting
    return found


def _started_by(call: Call, arn: str) -> str:
    """The run that a login was started by; a person's own has none."""
    try:
        given = read_json(call("DescribeExecution", {"executionArn": arn})["input"])
        return str(given.get(_PARENT, "")).rpartition(":")[2]
    except (ValueError, AttributeError):
        return ""


def events_after(call: Call, arn: str, after: int) -> list[dict[str, Any]]:
    """The events of an execution with ids above ``after``, in order.

    The history is asked for newest first, so that what is known already is not read again.
    """
    request: dict[str, Any] = {
        "executionArn": arn,
        "reverseOrder": True,
        "maxResults": _NEWS if after else _PAGE,
    }
    found: list[dict[str, Any]] = []
    while True:
        answer = call("GetExecutionHistory", request)
        events = [event for event in answer["events"] if event["id"] > after]
        found += events
        if len(events) < len(answer["events"]) or not answer.get("nextToken"):
            return found[::-1]
        request["nextToken"] = answer["nextToken"]
