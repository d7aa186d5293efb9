"""API Gateway as far as the functions see it: the authorizer first, then the function, by real-shaped events.

Every answer is held against the OpenAPI document, whichever test asked for it. Without a good key a caller
gets API Gateway's own answer: 401 without the header, 403 for a refusal.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from tests.integration.api.contract import check

ROOT = Path(__file__).parents[3]
PIPELINE = "arn:aws:states:us-east-1:000000000000:stateMachine:stepherd-pipeline"
PATHS = (
    "/executions",
    "/executions/{run_id}",
    "/executions/{run_id}/logs",
    "/executions/{run_id}/stop",
    "/executions/{run_id}/redrive",
)


@dataclass
class Context:
    """The context that awslambdaric gives to a handler, as far as Powertools reads it."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "6d7a3b1e-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Reply:
    """The answer to a caller."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    def ok(self, status: int = 200) -> Any:
        """The body, when the status is the one that is expected."""
        assert self.status == status, self.text
        return self.json


def sample(name: str) -> dict[str, Any]:
    """An event of events/."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def load(name: str) -> ModuleType:
    """A function's module, fresh: with clients of its own."""
    spec = importlib.util.spec_from_file_location(f"app_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Gateway:
    """The HTTP API: routes of template.yaml, authorizer and function."""

    def __init__(self, service: object = None) -> None:
        """``service``: what the function works on, where it need not be opened as the environment says."""
        self.answered: set[tuple[str, int]] = set()
        api, authorize = load("api"), load("authorize")
        if service is not None:
            api._service = lambda: service
        self.api: Callable[[dict[str, Any], Any], Any] = api.handler
        self.authorizer: Callable[[dict[str, Any], Any], Any] = authorize.handler

    def call(
        self,
        method: str,
        path: str,
        key: str | None = None,
        *,
        body: Any = None,
        text: str | None = None,
        **headers: str,
    ) -> Reply:
        """Call the API as a program outside does. ``body`` goes as JSON, ``text`` as it is."""
        names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if key is not None:
            names["x-api-key"] = key
        event = self.event(
            method, path, names, json.dumps(body) if text is None and body is not None else text
        )
        if event is None:
            return Reply(404, '{"message":"Not Found"}')
        if "x-api-key" not in names:
            return Reply(401, '{"message":"Unauthorized"}')
        question = {**sample("authorize"), "routeKey": event["routeKey"], "headers": names}
        verdict = self.authorizer({**question, "identitySource": [names["x-api-key"]]}, Context())
        if not verdict["isAuthorized"]:
            return Reply(403, '{"message":"Forbidden"}')
        event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
        answer = json.loads(json.dumps(self.api(event, Context())))
        reply = Reply(answer["statusCode"], answer["body"], answer["headers"])
        check(event["routeKey"], reply.status, reply.headers["content-type"], reply.json)
        self.answered.add((event["routeKey"], reply.status))
        return reply

    def event(
        self, method: str, path: str, headers: Mapping[str, str], text: str | None
    ) -> dict[str, Any] | None:
        """The event for a call; None when no route takes it."""
        place, _, query = path.partition("?")
        route = _route(place)
        if route is None:
            return None
        pattern, parameters = route
        event = sample("post_executions")
        del event["body"]
        event |= {"routeKey": f"{method} {pattern}", "rawPath": place, "rawQueryString": query}
        event["headers"] = dict(headers)
        event["requestContext"] |= {"routeKey": f"{method} {pattern}"}
        event["requestContext"]["http"] |= {"method": method, "path": place}
        if parameters:
            event["pathParameters"] = parameters
        if query:
            event["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
        if text is not None:
            event["body"] = text
        return event


def _route(path: str) -> tuple[str, dict[str, str]] | None:
    for pattern in PATHS:
        found = re.fullmatch(pattern.replace("{run_id}", "(?P<run_id>[^/]+)"), path)
        if found:
            return pattern, found.groupdict()
    return None
