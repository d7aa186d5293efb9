"""A call of the HTTP API, taken out of API Gateway's event (payload format 2.0), and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepherd.api.bodies import read_body, read_object
from stepherd.api.problems import Forbidden, InvalidCall
from stepherd.api_keys.callers import Caller, caller_of
from stepherd.remedies import Remedy
from stepherd.text.plain import one_paragraph

__all__ = ["Answer", "Call", "call_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API: its route, its caller and its content."""

    route: str
    """Method and path as template.yaml declares them: ``GET /executions/{run_id}``."""
    caller: Caller
    request_id: str
    run_id: str = ""
    """Of the path; empty where the route has none."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers, by their names in lower case."""
    content: bytes = b""

    def body(self) -> dict[str, Any]:
        """The JSON object in the body. Raises InvalidCall."""
        return read_object(self.content)

    def parameters(self, *known: str) -> Mapping[str, str]:
        """The parameters of the query. Raises InvalidCall for one that is not ``known``."""
        for name in self.query:
            if name not in known:
                words = f"The parameter '{one_paragraph(name, 60)}' is unknown."
                remedy = f"The parameters are {', '.join(known)}." if known else "This route has none."
                raise InvalidCall(words, remedy=remedy, field=name)
        return self.query


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_event(self) -> dict[str, Any]:
        """As API Gateway takes it."""
        headers = {"content-type": "application/json", "cache-control": "no-store", **self.headers}
        text = json.dumps(self.body, ensure_ascii=False, allow_nan=False)
        # Halves of surrogate pairs, in what an agent wrote, have no bytes.
        body = text.encode("utf-8", "replace").decode()
        return {"statusCode": self.status, "headers": headers, "body": body, "isBase64Encoded": False}


def call_of(event: Mapping[str, Any]) -> Call:
    """The call in an event. Raises Forbidden when no authorizer let it through, or its key has ended."""
    caller = caller_of(event)
    if caller is None or caller.expired():
        raise Forbidden(
            "The key is no longer valid.", remedy=Remedy("Ask for a new one: ", ("keys", "create"))
        )
    return Call(
        route=str(event["routeKey"]),
        caller=caller,
        request_id=str(event["requestContext"].get("requestId", "")),
        run_id=str((event.get("pathParameters") or {}).get("run_id", "")),
        query=dict(event.get("queryStringParameters") or {}),
        headers={str(name).lower(): str(text) for name, text in (event.get("headers") or {}).items()},
        content=read_body(event.get("body"), is_base64=bool(event.get("isBase64Encoded"))),
    )
