"""POST /executions: a run is checked, claimed, recorded and started, each of which may be done twice."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.calls import Answer, Call
from stepherd.api.idempotency import Claims, idempotency_key
from stepherd.api.links import links_of
from stepherd.api.ownership import record_owner
from stepherd.api.problems import InvalidCall
from stepherd.errors import CredentialsError, DataError, NotFoundError, UsageError
from stepherd.runs.fields import check_fields
from stepherd.runs.ids import new_run_id
from stepherd.runs.request import InvalidRequest
from stepherd.services.plain_text import one_paragraph

if TYPE_CHECKING:
    from stepherd.api.service import Service

__all__ = ["OPEN_PLACES", "start_run"]

OPEN_PLACES: Final = ("inbox", "instructions")
"""Where instructions may lie in the store itself: the rest belongs to runs, owners and logins."""
_NOT_BY_CALL: Final = frozenset({"reply_to"})
"""Fields of a request that only the inbox sets: they say where in the store something is written."""
_SHAPE: Final = 'Send {"run": {…}}, and with it "instructions" when they are not on S3.'


@dataclass(frozen=True, slots=True)
class _Asked:
    """A body that has the right shape."""

    run: Mapping[str, Any]
    text: str | None
    """Instructions that came along."""

    def request(self, service: Service, run_id: str) -> dict[str, Any]:
        """The pipeline's input, the same whenever it is made for this run."""
        if self.text is None:
            return dict(self.run)
        return {
            **self.run,
            "instructions": f"{service.store.child(_given(run_id)).reference}/instructions.md",
        }

    def bring(self, service: Service, run_id: str) -> None:
        """Put the instructions that came along where the run finds them."""
        if self.text is not None:
            service.store.put(f"{_given(run_id)}/instructions.md", self.text.encode())

    def forget(self, service: Service, run_id: str) -> None:
        """Take back what ``bring`` did, for a run that was not started."""
        if self.text is not None:
            service.store.delete(f"{_given(run_id)}/instructions.md")


def start_run(call: Call, service: Service) -> Answer:
    """Start a run, or find the one that the call's Idempotency-Key stands for.

    Raises InvalidCall and InvalidRequest naming the field, KeyReused, and what Step Functions refuses.
    """
    call.parameters()
    body, key = call.body(), idempotency_key(call.headers)
    asked = _asked(body, service)
    claims = Claims.of(service.store, call.caller.owner, key, body) if key else None
    known = claims.find() if claims else None
    # Longer than the ids of one person's runs: nobody may ever meet another's.
    run_id = known or new_run_id(token=secrets.token_hex(8))
    asked.bring(service, run_id)
    if known is None:
        winner = _checked(asked, service, run_id, claims)
        known, run_id = (None if winner == run_id else winner), winner
    record_owner(service.store, call.caller, run_id)
    service.executions.start(run_id, asked.request(service, run_id))
    return _started(service, run_id, again=known is not None)


def _checked(asked: _Asked, service: Service, run_id: str, claims: Claims | None) -> str:
    """The id under which the run shall go on, after its instructions were read and its key was claimed."""
    from stepherd.runs.prepare import check_whole_request

    request = asked.request(service, run_id)
    winner = ""
    try:
        with _named(asked):
            check_whole_request(run_id, request, allow_local=service.allow_local)
        winner = claims.take(run_id) if claims else run_id
    finally:
        if winner != run_id:
            asked.forget(service, run_id)
    if winner != run_id:
        asked.bring(service, winner)
    return winner


@contextmanager
def _named(asked: _Asked) -> Iterator[None]:
    """Turn what is wrong with what was sent into an error that names the field."""
    where = "run.instructions" if asked.text is None else "instructions"
    try:
        yield
    except InvalidRequest as error:
        field = f"run.{error.field}" if error.field else "run"
        raise InvalidCall(error.message, remedy=error.remedy, field=field) from error
    except (NotFoundError, DataError, CredentialsError) as error:
        raise InvalidCall(error.message, remedy=error.remedy, field=where) from error
    except UsageError as error:
        raise InvalidCall(error.message, remedy=error.remedy, field="run") from error


def _asked(body: Mapping[str, Any], service: Service) -> _Asked:
    unknown = next((name for name in body if name not in {"run", "instructions"}), None)
    if unknown is not None:
        words = f"The field '{one_paragraph(unknown, 60)}' is unknown."
        raise InvalidCall(words, remedy=_SHAPE, field=unknown)
    run, text = body.get("run"), body.get("instructions")
    if not isinstance(run, dict):
        raise InvalidCall("The field 'run' must be an object.", remedy=_SHAPE, field="run")
    if "instructions" in body:
        if not isinstance(text, str) or not text.strip():
            raise InvalidCall(
                "The field 'instructions' must be the text of instructions.md.",
                remedy=_SHAPE,
                field="instructions",
            )
        if "instructions" in run:
            words = "Instructions came along, and are named in the run, too."
            raise InvalidCall(words, remedy="Send one of them.", field="run.instructions")
    _check_place(run.get("instructions"), service)
    asked = _Asked(run, text)
    _check_run(asked.request(service, "run_"), service)
    return asked


def _check_run(request: Mapping[str, Any], service: Service) -> None:
    for name in _NOT_BY_CALL & request.keys():
        words = f"The field '{name}' is not for calls of the API."
        raise InvalidCall(words, remedy="Leave it out.", field=f"run.{name}")
    try:
        check_fields(request, allow_local=service.allow_local)
    except InvalidRequest as error:
        field = f"run.{error.field}" if error.field else "run"
        raise InvalidCall(error.message, remedy=error.remedy, field=field) from error


def _check_place(reference: object, service: Service) -> None:
    """Refuse instructions among the store's own objects, which PrepareRun would read for the caller."""
    bucket, _, prefix = service.store.reference.removeprefix("s3://").partition("/")
    place = f"s3://{bucket}"
    if service.allow_local or not isinstance(reference, str) or not f"{reference}/".startswith(f"{place}/"):
        return
    key = reference.removeprefix(place).removeprefix("/")
    home = f"{prefix}/" if prefix else ""
    allowed = [f"{home}{name}" for name in OPEN_PLACES]
    if not any(key == name or key.startswith(f"{name}/") for name in allowed):
        raise InvalidCall(
            "Instructions in the service's own bucket may lie in certain places only.",
            remedy=f"Put them under {' or '.join(f'{place}/{name}/' for name in allowed)}, or send the text.",
            field="run.instructions",
        )


def _given(run_id: str) -> str:
    return f"runs/{run_id}/given"


def _started(service: Service, run_id: str, *, again: bool) -> Answer:
    status = service.executions.find(run_id).status if again else "RUNNING"
    links = links_of(run_id)
    headers = {"location": links["self"], **({"idempotency-replayed": "true"} if again else {})}
    return Answer(202, {"run_id": run_id, "status": status, "links": links}, headers)
