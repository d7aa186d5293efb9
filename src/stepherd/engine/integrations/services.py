"""The services that tasks call, with all that is known of each outside its own module.

A new one is a module with a class, an Integration, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from stepherd.engine.integrations.contract import Integration, Surroundings

__all__ = ["LAMBDA", "SERVICES", "Service", "integrations_of"]

_HERE: Final = "stepherd.engine.integrations"
_KEPT_ALIVE: Final = {"connection": "keep-alive"}
LAMBDA: Final = "lambda"
"""The service of a function's own ARN, and of a Task whose resource the engine does not run."""


@dataclass(frozen=True, slots=True)
class Service:
    """An optimised integration of Step Functions."""

    name: str
    action: str
    """Both as in ``arn:aws:states:::<name>:<action>``."""
    patterns: frozenset[str]
    """Patterns that it has here; '' is request-response."""
    module: str
    maker: str
    """The class in the module, loaded when an engine begins its work. Its ``among`` takes Surroundings."""
    content_type: str
    """Of its answers [recorded]."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that only it sends [recorded]."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Added by AWS to the parameters of a job that it waits for, as TaskScheduled shows them [recorded]."""


_JSON: Final = "application/x-amz-json-1.0"
_TOKEN: Final = frozenset({"", "waitForTaskToken"})
SERVICES: Final = {
    service.name: service
    for service in (
        Service(
            LAMBDA, "invoke", _TOKEN, "lambda_", "LambdaIntegration", "application/json",
            {"Connection": "keep-alive", "x-amzn-Remapped-Content-Length": "0"},
        ),
        Service(
            "ecs", "runTask", _TOKEN | {"sync"}, "ecs", "EcsIntegration", "application/x-amz-json-1.1",
            added={"StartedBy": "AWS Step Functions"},
        ),
        Service("sns", "publish", _TOKEN, "messages", "SnsIntegration", "text/xml"),
        Service("sqs", "sendMessage", _TOKEN, "messages", "SqsIntegration", _JSON, _KEPT_ALIVE),
        Service(
            "states", "startExecution", _TOKEN | {"sync", "sync:2"}, "states", "StatesIntegration", _JSON,
            _KEPT_ALIVE,
        ),
    )
}  # fmt: skip


def integrations_of(surroundings: Surroundings) -> dict[str, Integration]:
    """One integration of each service, by its name."""
    return {name: _made(service, surroundings) for name, service in SERVICES.items()}


def _made(service: Service, surroundings: Surroundings) -> Integration:
    maker = getattr(import_module(f"{_HERE}.{service.module}"), service.maker)
    return cast("Integration", maker.among(surroundings))
