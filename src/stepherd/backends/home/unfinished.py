"""Work that a dead engine has left unfinished in a home."""

from __future__ import annotations

from pathlib import Path

from stepherd.backends.client import KEEP, Call, machine_arn
from stepherd.engine.deliveries import DELIVERIES, ends_waiting
from stepherd.services.json_text import read_json
from stepherd.services.step_functions.calls import Refused

__all__ = ["unfinished_runs"]


def unfinished_runs(home: Path, call: Call) -> list[str]:
    """The runs that have not ended, newest first, and then those whose work is still to be kept."""
    return [*_running(call), *_unkept(home, call)]


def _unkept(home: Path, call: Call) -> list[str]:
    """Runs that were ended from outside, and whose work is still to be kept."""
    waiting = [arn.rpartition(":")[2] for arn in ends_waiting(home / DELIVERIES)]
    request = {"stateMachineArn": machine_arn(KEEP), "statusFilter": "RUNNING", "maxResults": 1000}
    try:
        keeping = [execution["executionArn"] for execution in call("ListExecutions", request)["executions"]]
    except Refused:
        keeping = []  # The home was left by a version that kept nothing.
    inputs = (read_json(call("DescribeExecution", {"executionArn": arn})["input"]) for arn in keeping)
    return list(dict.fromkeys([*waiting, *(given["run_id"] for given in inputs)]))


def _running(call: Call) -> list[str]:
    request = {"stateMachineArn": machine_arn(), "statusFilter": "RUNNING", "maxResults": 1000}
    return [execution["name"] for execution in call("ListExecutions", request)["executions"]]
