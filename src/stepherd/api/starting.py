"""POST /executions: a run is checked, claimed, recorded and started, each of which may be done twice."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from stepherd.api.calls import Answer, Call
from stepherd.api.idempotency import Claims, idempotency_key
from stepherd.api.links import links_of
from stepherd.api.ownership import record_owner
from stepherd.api.run_body import RunBody, read_run_body
from stepherd.runs.ids import new_run_id

if TYPE_CHECKING:
    from stepherd.api.service import Service

__all__ = ["start_run"]


def start_run(call: Call, service: Service) -> Answer:
    """Start a run, or find the one that the call's Idempotency-Key stands for.

    Raises InvalidCall and InvalidRequest naming the field, KeyReused, and what Step Functions refuses.
    """
    call.parameters()
    body, key = call.body(), idempotency_key(call.headers)
    run_body = read_run_body(body, service.store, allow_local=service.allow_local)
    claims = Claims.of(service.store, call.caller.owner, key, body) if key else None
    known = claims.find() if claims else None
    # Longer than the ids of one person's runs: no one may ever meet another's.
    run_id = known or new_run_id(token=secrets.token_hex(8))
    run_body.bring(run_id)
    if known is None:
        winner = _checked(run_body, run_id, claims)
        known, run_id = (None if winner == run_id else winner), winner
    record_owner(service.store, call.caller, run_id)
    service.runs.start(run_id, run_body.request(run_id))
    return _started(service, run_id, again=known is not None)


def _checked(run_body: RunBody, run_id: str, claims: Claims | None) -> str:
    """The id under which the run will continue, after its instructions were read and its key was claimed."""
    winner = ""
    try:
        run_body.check(run_id)
        winner = claims.take(run_id) if claims else run_id
    finally:
        if winner != run_id:
            run_body.forget(run_id)
    if winner != run_id:
        run_body.bring(winner)
    return winner


def _started(service: Service, run_id: str, *, again: bool) -> Answer:
    status = service.runs.find(run_id).status if again else "RUNNING"
    links = links_of(run_id)
    headers = {"location": links["self"], **({"idempotency-replayed": "true"} if again else {})}
    return Answer(202, {"run_id": run_id, "status": status, "links": links}, headers)
