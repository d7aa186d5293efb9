"""The task resources that the engine runs, by ARN."""

from __future__ import annotations

import re

from stepherd.engine.asl.definition import Resource
from stepherd.engine.integrations.services import LAMBDA, SERVICES

__all__ = ["parse_resource"]

_OPTIMISED = re.compile(
    r"arn:aws[\w-]*:states:[\w-]*:\d*:(?P<service>\w+):(?P<action>\w+)(\.(?P<pattern>[\w:]+))?"
)
_FUNCTION = re.compile(r"arn:aws[\w-]*:lambda:[\w-]*:\d*:function:(?P<name>[\w-]+)(:[\w$-]+)?")


def parse_resource(text: str) -> Resource | None:
    """Take a Task's ``Resource`` apart; None when the engine does not run it."""
    function = _FUNCTION.fullmatch(text)
    if function:
        return Resource(LAMBDA, "invoke", function=function["name"], arn=text)
    match = _OPTIMISED.fullmatch(text)
    if not match:
        return None
    service, action, pattern = match["service"], match["action"], match["pattern"] or ""
    known = SERVICES.get(service)
    if known is None or action != known.action or pattern not in known.patterns:
        return None
    return Resource(service, action, pattern, arn=text)
