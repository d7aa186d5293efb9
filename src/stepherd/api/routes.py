"""The routes: what serves each, and the scope that its caller needs. template.yaml declares the same ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.calls import Answer, Call, call_of
from stepherd.api.controlling import redrive_run, stop_run
from stepherd.api.describing import describe_run
from stepherd.api.listing import list_runs
from stepherd.api.logs import read_logs
from stepherd.api.problems import Forbidden, NoSuchThing, problem
from stepherd.api.starting import start_run
from stepherd.api_keys.callers import READ, WRITE, caller_of
from stepherd.errors import InternalError, StepherdError
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.api.service import Service

__all__ = ["ROUTES", "Outcome", "Route", "respond"]


@dataclass(frozen=True, slots=True)
class Route:
    """The function that serves a route, and the scope that a key needs for it."""

    scope: str
    serve: Callable[[Call, Service], Answer]


ROUTES: Final[Mapping[str, Route]] = {
    "POST /executions": Route(WRITE, start_run),
    "GET /executions": Route(READ, list_runs),
    "GET /executions/{run_id}": Route(READ, describe_run),
    "GET /executions/{run_id}/logs": Route(READ, read_logs),
    "POST /executions/{run_id}/stop": Route(WRITE, stop_run),
    "POST /executions/{run_id}/redrive": Route(WRITE, redrive_run),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, and why it is one of refusal, for the logs."""

    answer: Answer
    error: Exception | None = None

    def facts(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a call's log line: its route, the owner of its key, and how it ended."""
        caller, body = caller_of(event), self.answer.body
        facts = {
            "route": event.get("routeKey"), "status": self.answer.status, "run_id": body.get("run_id"),
            "owner": caller and caller.owner, "key_id": caller and caller.key_id,
            "category": body.get("category"), "instance": body.get("instance"),
        }  # fmt: skip
        return {name: value for name, value in facts.items() if value is not None}


def respond(event: Mapping[str, Any], open_service: Callable[[], Service]) -> Outcome:
    """Serve the call in an event of API Gateway. Whatever goes wrong is answered, never raised."""
    try:
        call = call_of(event)
        route = ROUTES.get(call.route)
        if route is None:
            raise NoSuchThing("There is no such route.", remedy="See the OpenAPI document.")
        if not call.caller.may(route.scope):
            raise Forbidden(
                f"The key's scope is '{call.caller.scope}', and this needs '{route.scope}'.",
                remedy=Remedy(
                    "Create another: ", ("keys", "create", "--owner", "NAME", "--scope", route.scope)
                ),
            )
        return Outcome(route.serve(call, open_service()))
    except StepherdError as error:
        return Outcome(_refusal(error, event), error)
    except Exception as error:  # noqa: BLE001 - the caller gets a document, the log the traceback
        return Outcome(_refusal(InternalError("An internal error of the service."), event), error)


def _refusal(error: StepherdError, event: Mapping[str, Any]) -> Answer:
    request_id = str((event.get("requestContext") or {}).get("requestId", ""))
    status, headers, body = problem(error, request_id)
    return Answer(status, body, headers)
