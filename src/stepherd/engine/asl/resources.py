"""The task resources that the engine runs, by ARN."""

from __future__ import annotations

import re

from stepherd.engine.asl.definition import Resource

__all__ = ["PATTERNS", "parse_resource"]

PATTERNS: dict[tuple[str, str], frozenset[str]] = {
    ("lambda", "invoke"): frozenset({"", "waitForTaskToken"}),
    ("ecs", "runTask"): frozenset({"", "sync", "waitForTaskToken"}),
    ("sns", "publish"): frozenset({"", "waitForTaskToken"}),
    ("sqs", "sendMessage"): frozenset({"", "waitForTaskToken"}),
    ("states", "startExecution"): frozenset({"", "sync", "sync:2", "waitForTaskToken"}),
}
"""Which patterns each optimised integration has here; '' is request-response."""

_OPTIMISED = re.compile(
    r"arn:aws[\w-]*:states:[\w-]*:\d*:(?P<service>\w+):(?P<action>\w+)(\.(?P<pattern>[\w:]+))?"
)
_FUNCTION = re.compile(r"arn:aws[\w-]*:lambda:[\w-]*:\d*:function:(?P<name>[\w-]+)(:[\w$-]+)?")


def parse_resource(text: str) -> Resource | None:
    """Take a Task's ``Resource`` apart; None when the engine does not run it."""
    function = _FUNCTION.fullmatch(text)
    if function:
        return Resource("lambda", "invoke", function=function["name"], arn=text)
    match = _OPTIMISED.fullmatch(text)
    if not match:
        return None
    service, action, pattern = match["service"], match["action"], match["pattern"] or ""
    if pattern not in PATTERNS.get((service, action), frozenset()):
        return None
    return Resource(service, action, pattern, arn=text)
