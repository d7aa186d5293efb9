"""Changes that a person makes to a run when redriving it: limits, the branch, and paths that are let through.

A redrive takes no input, so an amendment is an object of its own, numbered by the redrive that it is for,
``amendments/<run id>/N.json`` of the store: not in the run folder, which the agent's role can write to. The
machine applies it before its states continue (PrepareRun, ReportFailure, AmendRun). The amended request lies
beside request.json as ``request.N.json`` and is bound by its digest as that is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from stepherd.agents.registry import get_agent
from stepherd.errors import DataError
from stepherd.remedies import Remedy
from stepherd.repositories.allow import parse_allow
from stepherd.repositories.refs import check_branch
from stepherd.runs.folder import run_folder
from stepherd.runs.ids import check_run_id
from stepherd.runs.kept_limits import check_kept_limits
from stepherd.runs.prepare import Digests, machine_facts
from stepherd.runs.request import InvalidRequest, Request, check_request
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound, Store

__all__ = [
    "AMENDABLE",
    "after_redrive",
    "amended",
    "amended_run",
    "given_with_amendments",
    "forget_amendment",
    "write_amendment",
]

AMENDABLE: Final = ("timeout_seconds", "max_turns", "max_cost_usd", "branch", "allow")
"""The fields of a request that an amendment may have."""


def amended(request: Request, fields: Mapping[str, Any]) -> Request:
    """``request`` with ``fields`` in place of its own. Raises InvalidRequest and UsageError, as for a new
    request, also for a field that cannot be amended."""
    foreign = sorted(fields.keys() - set(AMENDABLE))
    if foreign:
        raise InvalidRequest(
            f"The field '{foreign[0]}' of a run cannot be changed after the start.",
            remedy=Remedy("Start a new run with: ", ("run",)),
            field=foreign[0],
        )
    checked = check_request({"instructions": request.instructions, **fields})
    checked.pop("instructions")
    if "branch" in checked:
        checked["branch"] = check_branch(checked["branch"])
    if "allow" in checked:
        # Beside what was allowed before.
        both = dict.fromkeys((*parse_allow(request.allow), *parse_allow(checked["allow"])))
        checked["allow"] = ", ".join(both) or None
    check_kept_limits(get_agent(request.agent), checked)
    return replace(request, **checked)


def write_amendment(store: Store, run_id: str, number: int, fields: Mapping[str, Any]) -> None:
    """Leave ``fields`` for the redrive of that number. One that was never carried out is replaced."""
    _place(store, run_id).put(f"{number}.json", (json.dumps(dict(fields)) + "\n").encode())


def forget_amendment(store: Store, run_id: str, number: int) -> None:
    """Make nothing of an amendment that no one has asked for: with the plain process runner an agent can lay
    one into a store on this machine. A bucket's is for no agent to write to."""
    place = _place(store, run_id)
    if not store.reference.startswith("s3://") and place.exists(f"{number}.json"):
        place.put(f"{number}.json", b"{}\n")


def amended_run(
    store: Store, run: Mapping[str, Any], number: int, *, login_database: str = ""
) -> Mapping[str, Any]:
    """The facts of a run for the machine, from its redrive ``number`` on: ``run`` unchanged when there is no
    amendment for that redrive. Raises what ``amended`` does, and RunFolderChanged."""
    run_id = str(run.get("run_id", ""))
    fields = _read(store, run_id, number) if run_id else None
    if not fields:
        return run
    folder = run_folder(store, run_id)
    request = amended(folder.read_request(run.get("request_digest") or None), fields)
    digests = Digests(folder.write_amended(request, number), str(run["instructions_digest"]))
    return machine_facts(request, digests, folder, store, login_database)


def after_redrive(store: Store, event: Mapping[str, Any], login_database: str) -> dict[str, Any]:
    """The answer of ReportFailure to a redriven execution: continue, the state that had failed, and run, as
    it is amended. ``event`` has no run where a machine of an earlier version sends it."""
    answer: dict[str, Any] = {"continue": event["failure"]["state"]}
    if "run" in event:
        answer["run"] = amended_run(store, event["run"], event["redrives"], login_database=login_database)
    return answer


def given_with_amendments(store: Store, run_id: str, given: object, redrives: int) -> object:
    """A request that is still to be prepared, as it was given, with what was amended since."""
    if not isinstance(given, Mapping):
        return given
    fields = dict(given)
    for number in range(1, redrives + 1):
        found = _read(store, run_id, number) or {}
        fields |= {name: value for name, value in found.items() if name in AMENDABLE}
    return fields


def _place(store: Store, run_id: str) -> Store:
    return store.child(f"amendments/{check_run_id(run_id)}")


def _read(store: Store, run_id: str, number: int) -> dict[str, Any] | None:
    place = _place(store, run_id)
    try:
        body = place.get(f"{number}.json").body
    except ObjectNotFound:
        return None
    try:
        fields = read_json(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise DataError(
            f"{place.reference}/{number}.json is not a JSON object.", remedy=f"Redrive again: {run_id}"
        )
    return fields
