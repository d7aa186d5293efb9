"""The answers beside the input of a run: status.json from its start on, and report.md at its end.

Where, says the request's field ``reply_to``; PrepareRun keeps it in its result, because a request that
cannot be run leaves no request.json. Neither file is one that starts a run (``runs.inbox_keys``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from stepherd.errors import DataError, StepherdError, TemporaryError
from stepherd.remedies import joined
from stepherd.runs.folder import REPORT, REPORT_PAGE, RunFolder, run_folder
from stepherd.runs.report_page import escaped, render_report
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import (
    ObjectNotFound,
    PreconditionFailed,
    Store,
    StoredObject,
    WriteConflict,
)
from stepherd.services.store.keys import key_fault
from stepherd.text.moments import now
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.runs.report import Report
    from stepherd.runs.result import Result

__all__ = [
    "OWN_FILES",
    "REPLY_TO",
    "Ending",
    "RunStatus",
    "reply_end",
    "reply_folder",
    "reply_refusal",
    "reply_report",
    "reply_running",
]

STATUS: Final = "status.json"
OWN_FILES: Final = (REPORT_PAGE, STATUS)
REPLY_TO: Final = "reply_to"
"""The request's field, and the fact in the result of PrepareRun."""
_FIRST: Final = "inbox/"
_TRIES: Final = 8

Ending = Literal["FAILED", "TIMED_OUT", "ABORTED"]
_ENDINGS: Final[Mapping[Ending, str]] = {
    "FAILED": "The state machine failed without a report.",
    "TIMED_OUT": "It took longer than the state machine allows.",
    "ABORTED": "It was stopped.",
}


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The contents of status.json. Times are ISO 8601, UTC; unknown ones and those that do not apply are
    None."""

    run_id: str
    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "REFUSED"]
    """REFUSED: no run was started. The others are those of Step Functions."""
    started: str
    finished: str | None = None
    summary: str | None = None
    next: str | None = None
    """The next step for a person when it went wrong."""
    branch: str | None = None
    commit: str | None = None
    link: str | None = None
    """Where the forge shows the changes."""
    report: str | None = None
    """Where report.md of this run lies for good."""


def reply_folder(given: object) -> str:
    """The ``reply_to`` of a request as it was given; empty without one, or when it is not acceptable."""
    reply_to = given.get(REPLY_TO) if isinstance(given, Mapping) else None
    if not isinstance(reply_to, str) or not reply_to.startswith(_FIRST):
        return ""
    return "" if key_fault(f"{reply_to}/{STATUS}") else reply_to


def reply_running(store: Store, run_id: str, given: object = None) -> None:
    """Say that the run works. Where, says ``given``, its request; without it, what PrepareRun has kept."""
    reply_to = reply_folder(given)
    if given is not None and not reply_to:
        return
    prepared = _prepared(run_folder(store, run_id))
    # A redriven run began when it was first prepared: a later run of the same input stays the later one.
    started = prepared.started if prepared else now()
    reply_to = reply_to or reply_folder(prepared.facts if prepared else None)
    _write(store, reply_to, RunStatus(run_id, "RUNNING", started))


def reply_report(store: Store, folder: RunFolder, report: Report, ended: str = "") -> str:
    """Write how the run ended, and its report; why it cannot be written, if so: the run's end stands.
    ``ended`` is the status of an execution that was ended from outside.

    Raises TemporaryError and its like, which trying again can fix.
    """
    of_itself: Ending | Literal["SUCCEEDED"] = "SUCCEEDED" if report.status == "succeeded" else "FAILED"
    status = RunStatus(
        report.run_id,
        next((known for known in _ENDINGS if known == ended), of_itself),
        report.started,
        report.finished,
        report.summary,
        report.error.next if report.error else None,
        report.branch,
        report.commit,
        report.compare,
        folder.address_of(REPORT_PAGE),
    )
    prepared = _prepared(folder)
    try:
        reply_to = reply_folder(prepared.facts if prepared else None)
        _write(store, reply_to, status, render_report(report, folder.address_of(REPORT)))
    except StepherdError as error:
        if error.retryable:
            raise
        return str(error)
    return ""


def reply_refusal(store: Store, reply_to: str, run_id: str, error: StepherdError) -> None:
    """Say that no run was started, why, and what to do; ``reply_to`` as in the request."""
    remedy = joined(error.remedy, "Then upload the instructions again.")
    at = now()
    status = RunStatus(run_id, "REFUSED", at, at, one_paragraph(error.message, 2000), remedy)
    _write(store, reply_folder({REPLY_TO: reply_to}), status, _page(status))


def reply_end(store: Store, run_id: str, given: object, ended: Ending, started: str) -> None:
    """Say that the run was ended where no state of it could say so, if it is still said to be running."""
    next_step = f"stepherd redrive {run_id}"
    status = RunStatus(run_id, ended, started, now(), _ENDINGS[ended], next_step)
    _write(store, reply_folder(given), status, _page(status), only_if_running=True)


def _prepared(folder: RunFolder) -> Result | None:
    """The result of PrepareRun; None also when it was damaged, which must not affect the run."""
    try:
        return folder.read_result("prepare")
    except DataError:
        return None


def _page(status: RunStatus) -> str:
    return (
        f"# Run {status.run_id}: {status.status}\n\n{escaped(status.summary or '')}\n\n"
        f"- Next: {escaped(status.next or '')}\n- Time: {status.finished}\n"
    )


def _write(
    store: Store, reply_to: str, status: RunStatus, page: str = "", *, only_if_running: bool = False
) -> None:
    """Write both files below ``reply_to``, unless they tell of a later run of the same input."""
    if not reply_to:
        return
    beside = store.child(reply_to)
    body = (json.dumps(asdict(status), indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    for _ in range(_TRIES):
        known = _read(beside)
        fields = _fields(known)
        if _is_later(fields, status) or (only_if_running and not _is_running(fields, status)):
            return
        etag = None if known is None else known.etag
        try:
            beside.put(STATUS, body, if_match=etag, if_none_match=etag is None)
        except (PreconditionFailed, WriteConflict):
            continue
        if page:
            beside.put(REPORT_PAGE, page.encode("utf-8", "replace"))
        return
    raise TemporaryError(f"Other processes keep writing {STATUS} in {beside.reference}.", remedy="Try again.")


def _read(beside: Store) -> StoredObject | None:
    try:
        return beside.get(STATUS)
    except ObjectNotFound:
        return None


def _fields(known: StoredObject | None) -> Mapping[str, Any]:
    """The fields of status.json; none when there is no such file, or somebody else has written it."""
    try:
        fields = read_json(known.body) if known else {}
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _is_later(fields: Mapping[str, Any], status: RunStatus) -> bool:
    started = fields.get("started")
    return fields.get("run_id") != status.run_id and isinstance(started, str) and started > status.started


def _is_running(fields: Mapping[str, Any], status: RunStatus) -> bool:
    return fields.get("run_id") == status.run_id and fields.get("status") == "RUNNING"
