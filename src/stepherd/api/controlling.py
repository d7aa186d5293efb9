"""POST /executions/{run_id}/stop and …/redrive."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from stepherd.api.calls import Answer, Call
from stepherd.api.idempotency import idempotency_key
from stepherd.api.links import links_of
from stepherd.api.ownership import check_visible
from stepherd.api.problems import NotPossible
from stepherd.errors import NotFoundError
from stepherd.runs.kept import KEPT_ENDS, kept_name

if TYPE_CHECKING:
    from stepherd.api.service import Service

__all__ = ["redrive_run", "stop_run"]


def stop_run(call: Call, service: Service) -> Answer:
    """Stop a run and everything it started; one that has ended stays as it is. Raises NotFoundError."""
    call.parameters()
    check_visible(service.store, call.caller, call.run_id)
    if service.runs.find(call.run_id).running:
        cause = f"Stopped by {call.caller.owner} with the key {call.caller.key_id}."
        service.runs.stop(call.run_id, cause)
    return _accepted(call, service)


def redrive_run(call: Call, service: Service) -> Answer:
    """Run again what a failed run left undone, once for each Idempotency-Key.

    Raises NotFoundError, and NotPossible for a run that continues, succeeded, is too old, or whose work is
    still being kept.
    """
    call.parameters()
    key = idempotency_key(call.headers)
    check_visible(service.store, call.caller, call.run_id)
    _check_kept(call.run_id, service)
    token = hashlib.sha256(f"{call.caller.owner} {key}".encode()).hexdigest() if key else None
    service.runs.redrive(call.run_id, token)
    return _accepted(call, service)


def _check_kept(run_id: str, service: Service) -> None:
    """Whether nothing works on what the run left when it was ended from outside."""
    run = service.runs.find(run_id)
    if service.keeping is None or run.status not in KEPT_ENDS:
        return
    try:
        keeping = service.keeping.find(kept_name(run_id, run.redrives)).running
    except NotFoundError:
        keeping = False
    if keeping:
        words = f"The work of the run '{run_id}', which was ended, is still being pushed to its branch."
        raise NotPossible(words, remedy="Call again in a minute.")


def _accepted(call: Call, service: Service) -> Answer:
    links = links_of(call.run_id)
    status = service.runs.find(call.run_id).status
    return Answer(202, {"run_id": call.run_id, "status": status, "links": links}, {"location": links["self"]})
