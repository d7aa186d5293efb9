"""``stepherd history``."""

from __future__ import annotations

from typing import Any

from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output

__all__ = ["command"]


@declared("history", examples=("stepherd history RUN | jq -r '.events[].type'",))
@run_argument
def command(output: Output, run_id: str) -> int:
    """Print a run's whole history as one JSON object, in the shape of AWS's GetExecutionHistory."""
    events: list[Any] = []
    request: dict[str, Any] = {"executionArn": output.place.execution_arn(run_id), "maxResults": 1000}
    with output.place.reading() as call:
        while True:
            answer = call("GetExecutionHistory", request)
            events += answer["events"]
            if not answer.get("nextToken"):
                break
            request["nextToken"] = answer["nextToken"]
    output.json({"events": events})
    return 0
