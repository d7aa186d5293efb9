"""GET /executions: the caller's runs, newest first, a page at a time.

A page is bounded by what is looked at, not only by what is found: with a filter it may be empty and the list
still continue. The list ends where there is no next cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.calls import Answer, Call
from stepherd.api.cursors import bad_cursor, number_of, read_cursor, write_cursor
from stepherd.api.links import links_of
from stepherd.api.ownership import owned_runs
from stepherd.api.problems import InvalidCall
from stepherd.api.runs import Run
from stepherd.errors import NotFoundError
from stepherd.runs.folder import run_folder
from stepherd.text.moments import iso_text

if TYPE_CHECKING:
    from stepherd.api.service import Service
    from stepherd.services.store.contract import Store

__all__ = ["STATUSES", "list_runs"]

STATUSES: Final = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE")
_DEFAULT: Final = 20
_MOST: Final = 100
_LOOKED_AT: Final = 100
_LAST: Final = "run_~"
"""Sorts after the id of every run."""


@dataclass(frozen=True, slots=True)
class _Filter:
    """Which runs are wanted."""

    status: str | None
    agent: str | None
    since: datetime | None
    until: datetime | None

    def takes(self, run: Run, store: Store) -> bool:
        """Whether a run is wanted; its agent is looked up only where it matters."""
        if self.status not in (None, run.status):
            return False
        if self.since and run.started < iso_text(self.since):
            return False
        if self.until and run.started >= iso_text(self.until):
            return False
        return self.agent is None or _agent_of(store, run.run_id) == self.agent


def list_runs(call: Call, service: Service) -> Answer:
    """A page of runs. Raises InvalidCall naming the parameter."""
    parameters = call.parameters("cursor", "limit", "status", "agent", "since", "until")
    wanted = _filter_of(parameters)
    most = number_of(parameters, "limit", _DEFAULT, _MOST)
    cursor = read_cursor(parameters["cursor"]) if "cursor" in parameters else {}
    list_page = _everybody if call.caller.sees_all else _own
    runs, position = list_page(call, service, wanted, most, cursor)
    next_cursor = write_cursor(position) if position else None
    return Answer(200, {"executions": [_listed(run) for run in runs], "next_cursor": next_cursor})


def _everybody(
    _: Call, service: Service, wanted: _Filter, most: int, cursor: Mapping[str, Any]
) -> tuple[list[Run], dict[str, Any] | None]:
    token = cursor.get("token")
    if cursor and not isinstance(token, str):
        raise bad_cursor()
    found, token = service.runs.page(status=wanted.status, most=most, token=token)
    past = wanted.since and found and found[-1].started < iso_text(wanted.since)
    runs = [run for run in found if wanted.takes(run, service.store)]
    return runs, {"token": token} if token and not past else None


def _own(
    call: Call, service: Service, wanted: _Filter, most: int, cursor: Mapping[str, Any]
) -> tuple[list[Run], dict[str, Any] | None]:
    before = cursor.get("before", _LAST if wanted.until is None else _id_at(wanted.until, 1))
    if (cursor and set(cursor) != {"before"}) or not isinstance(before, str):
        raise bad_cursor()
    earliest = _id_at(wanted.since, -1) if wanted.since else ""
    ids = owned_runs(service.store, call.caller.owner, before=before, earliest=earliest)
    runs: list[Run] = []
    looked_at = 0
    for run_id in ids:
        if len(runs) == most or looked_at == _LOOKED_AT:
            return runs, {"before": before}
        before, looked_at = run_id, looked_at + 1
        runs += _wanted_of(service, run_id, wanted)
    return runs, None


def _wanted_of(service: Service, run_id: str, wanted: _Filter) -> Iterable[Run]:
    try:
        run = service.runs.find(run_id)
    except NotFoundError:  # recorded and never started, or forgotten by Step Functions after 90 days
        return []
    return islice([run], int(wanted.takes(run, service.store)))


def _filter_of(parameters: Mapping[str, str]) -> _Filter:
    status = parameters.get("status")
    if status is not None and status.upper() not in STATUSES:
        raise InvalidCall(
            "The parameter 'status' is unknown.",
            remedy=f"It is one of {', '.join(STATUSES)}.",
            field="status",
        )
    since, until = (_moment(parameters, name) for name in ("since", "until"))
    return _Filter(status and status.upper(), parameters.get("agent"), since, until)


def _moment(parameters: Mapping[str, str], name: str) -> datetime | None:
    if name not in parameters:
        return None
    try:
        moment = datetime.fromisoformat(parameters[name].replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidCall(
            f"The parameter '{name}' is not a time.",
            remedy="Send one such as 2026-11-21T10:15:00Z.",
            field=name,
        ) from None


def _id_at(moment: datetime, slack_seconds: int) -> str:
    """How ids of that time begin. An id is made a moment before its execution starts: hence the slack."""
    seconds = min(max(moment.timestamp() + slack_seconds * 60, 0), 253_402_300_799)
    return f"run_{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%SZ}"


def _agent_of(store: Store, run_id: str) -> str | None:
    try:
        return run_folder(store, run_id).read_request().agent
    except NotFoundError:
        return None


def _listed(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id, "status": run.status, "started": run.started, "stopped": run.stopped,
        "redrives": run.redrives, "links": links_of(run.run_id),
    }  # fmt: skip
