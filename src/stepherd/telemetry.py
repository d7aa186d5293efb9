"""Logs, metrics and traces of the Lambda functions, by Powertools: quiet and offline on a laptop.

Logs are JSON lines with the run id in each; metrics are log lines too (the embedded metric format). They are
few, because each costs $0.30 a month and AWS counts runs, calls and messages itself; their one dimension is
``service``, which is the stack: another stack of the account has metrics and alarms of its own. Traces
need the X-Ray SDK, which only the deployed functions carry, and its daemon, which only Lambda has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, TypeAlias

from aws_lambda_powertools import Logger, Metrics

from stepherd.errors import ConfigurationError
from stepherd.processes.account import hide_this_process

__all__ = ["Handler", "count", "logger", "observed"]

Handler: TypeAlias = Callable[[Mapping[str, Any], Any], Any]

_STACK = os.environ.get("POWERTOOLS_SERVICE_NAME", "stepherd")
logger = Logger(service=_STACK)
_metrics = Metrics(service=_STACK, namespace="Stepherd")

try:
    # On a laptop an agent is this function's user, and its environment may hold the person's AWS keys.
    hide_this_process()
except ConfigurationError as refused:
    # Lambda's sandbox refuses calls of this kind, and there no agent is near: the function must start.
    logger.warning("This process cannot be hidden", reason=refused.message)


def count(name: str | None) -> None:
    """Count one of something: ``LoginsAsked``, ``LoginsApproved``, ``LoginsUnanswered``; of None nothing."""
    if name is None:
        return
    _metrics.add_metric(name=name, unit="Count", value=1)
    _metrics.flush_metrics()


def observed(handler: Handler) -> Handler:
    """``handler`` with the run id of its event in every log line, and a trace.

    A state's event has ``run_id``; a call of the HTTP API has it in its path, or is about no run yet.
    """

    def with_run_id(event: Mapping[str, Any], context: Any) -> Any:
        run_id = event.get("run_id") or (event.get("pathParameters") or {}).get("run_id")
        if run_id and not str(run_id).startswith("sk_"):  # a key that was put into the path by mistake
            logger.append_keys(run_id=run_id)
        return handler(event, context)

    logged: Handler = logger.inject_lambda_context(with_run_id, clear_state=True)
    return _traced(logged) if _has_tracing() else logged


def _has_tracing() -> bool:
    off = os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in {"1", "true"}
    # Lambda names its X-Ray daemon; where there is none, segments would only be complained about.
    return not off and "AWS_XRAY_DAEMON_ADDRESS" in os.environ and find_spec("aws_xray_sdk") is not None


def _traced(handler: Handler) -> Handler:
    # Only now: it needs the X-Ray SDK, which the deployed functions alone carry.
    from aws_lambda_powertools import Tracer

    traced: Handler = Tracer(service=_STACK).capture_lambda_handler(handler, capture_response=False)
    return traced
