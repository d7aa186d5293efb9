"""Changing limits and branch of a run when it is redriven, or where no redrive takes that up, by a run that
continues it."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.prepared import request_digest
from stepherd.errors import NotFoundError
from stepherd.runs.amendments import amended, write_amendment
from stepherd.runs.attempts import AttemptKeys, latest_work, past_attempts
from stepherd.runs.folder import run_folder
from stepherd.runs.kept import KEPT_ENDS
from stepherd.runs.steps import STEPS

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.backends.client import Call
    from stepherd.history.progress import Progress
    from stepherd.runs.folder import RunFolder
    from stepherd.runs.request import Request
    from stepherd.runs.result import Result

__all__ = ["amend", "continued", "takes_amendments"]

_TAKES: Final = '"AmendRun"'
"""A state of machines that take amendments up."""
_NOT_GIVEN: Final = ("run_id", "instructions")
"""Fields of a request that a run which continues another does not take over."""


def takes_amendments(call: Call, arn: str, described: Mapping[str, Any], progress: Progress) -> bool:
    """Whether a redrive of this execution comes by a state that takes an amendment up: those of a run that
    failed by its own states, and that of the agent."""
    definition = call("DescribeStateMachineForExecution", {"executionArn": arn})["definition"]
    if _TAKES not in definition:
        return False
    if described["status"] == "FAILED":
        return bool(described.get("error") == "RunFailed")
    cut_off = [row.name for row in progress.rows if row.interrupted]
    return described["status"] in KEPT_ENDS and cut_off == [STEPS["agent"].state]


def amend(backend: Backend, run_id: str, redrives: int, fields: Mapping[str, Any]) -> None:
    """Leave an amendment for the next redrive. Raises what ``amended`` does and, for another branch, what the
    check before a run does; a run that was never prepared is checked when it is."""
    try:
        request = amended(_request(backend, run_id), fields)
    except NotFoundError:
        request = None
    if request is not None and "branch" in fields and request.push == "branch":
        # The base of the work: the base's branch may have moved on since, or be gone.
        cloned = run_folder(backend.store(), run_id).read_result("clone")
        backend.check_push(request, None if cloned is None else cloned.facts.get("base_commit"))
    write_amendment(backend.store(), run_id, redrives + 1, fields)


def continued(backend: Backend, run_id: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and request of a run that continues this one, amended; its work lies in the new run's folder.

    Raises what ``amended`` does, and NotFoundError for a run that was never prepared.
    """
    request = amended(_request(backend, run_id), fields)
    old, new_id = run_folder(backend.store(), run_id), _free_id(backend, run_id)
    given = {
        one.name: getattr(request, one.name)
        for one in dataclasses.fields(request)
        if one.name not in _NOT_GIVEN and getattr(request, one.name) not in (None, one.default)
    }
    if "branch" not in fields and request.branch == f"stepherd/{run_id}":
        del given["branch"]  # Its own: no other run's commits are below it.
    given["instructions"] = old.instructions().reference
    base = _bring_work(old, run_folder(backend.store(), new_id), run_id)
    return new_id, {**given, **({"base": base} if base else {})}


def _request(backend: Backend, run_id: str) -> Request:
    return run_folder(backend.store(), run_id).read_request(request_digest(backend, run_id))


def _free_id(backend: Backend, run_id: str) -> str:
    root, _, number = run_id.partition(".")
    count = int(number or 1)
    with backend.reading() as call:
        while True:
            count += 1
            try:
                arn = backend.execution_arn(f"{root}.{count}")
                call("DescribeExecution", {"executionArn": arn})
            except NotFoundError:
                return f"{root}.{count}"


def _bring_work(old: RunFolder, new: RunFolder, run_id: str) -> str | None:
    """Lay the work so far into the new run's folder, as its first attempt; the commit that it stands on."""
    work = latest_work(past_attempts(old))
    cloned = old.read_result("clone")
    if work is None or work.bundle is None or cloned is None:
        return None
    keys = AttemptKeys(1)
    with tempfile.TemporaryDirectory(prefix="continue-") as scratch:
        bundle = Path(scratch) / "changes.bundle"
        old.store.download(work.bundle, bundle)
        new.store.upload(bundle, keys.bundle)
    if work.result is not None:
        new.write_result_at(keys.result, _as_first(work.result, keys))
    started = {"attempt": f"of {run_id}", "started": work.started}
    new.store.put(keys.started, json.dumps(started).encode())
    return str(cloned.facts["base_commit"])


def _as_first(result: Result, keys: AttemptKeys) -> Result:
    facts = {**result.facts, "attempt": keys.number, "bundle": keys.bundle}
    return dataclasses.replace(result, facts=facts)
