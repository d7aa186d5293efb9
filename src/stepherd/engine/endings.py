"""The event of EventBridge for the end of an execution, and which functions hear of it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from stepherd.engine.application import EndRule
from stepherd.engine.identity import ACCOUNT, REGION
from stepherd.engine.journal.records import Execution
from stepherd.text.moments import iso_text

__all__ = ["ending_event", "ending_name", "hearers"]


def hearers(rules: Iterable[EndRule], execution: Execution) -> Iterator[str]:
    """The functions that hear of this end."""
    for rule in rules:
        if rule.machine_arn == execution.machine_arn and execution.status in rule.statuses:
            yield rule.function


def ending_name(execution: Execution, function: str) -> str:
    """A name for the message that is the same whenever it is written about this end."""
    about = f"{execution.arn} {execution.redrives} {function}"
    return f"end-{hashlib.sha256(about.encode()).hexdigest()[:32]}"


def ending_event(execution: Execution) -> str:
    """The event, as JSON in the shape of the Step Functions developer guide."""
    ended = execution.stopped or execution.started
    detail = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": round(execution.started * 1000),
        "stopDate": round(ended * 1000),
        "input": execution.input,
        "output": execution.output,
        "inputDetails": {"included": True},
        "outputDetails": None if execution.output is None else {"included": True},
        "error": execution.error,
        "cause": execution.cause,
    }
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": ACCOUNT,
        "time": iso_text(datetime.fromtimestamp(ended, UTC), "seconds"),
        "region": REGION,
        "resources": [execution.arn],
        "detail": detail,
    }
    return json.dumps(event)
