"""How many runs a stack had, and what of them still runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from stepherd.cloud.clients import aws_client
from stepherd.services.aws.errors import error_code, translated

__all__ = ["Census", "count_runs", "count_under_way", "stop_executions", "stop_tasks"]

_MOST: Final = 20_000
_GONE: Final = frozenset({"StateMachineDoesNotExist", "StateMachineDeleting", "InvalidArn"})
_NO_CLUSTER: Final = frozenset({"ClusterNotFoundException"})


@dataclass(frozen=True, slots=True)
class Census:
    """The executions of a state machine that Step Functions still knows: those of the last 90 days."""

    total: int = 0
    running: int = 0
    hours: float = 0.0
    """Of all of them together."""


def count_runs(machine: str, region: str) -> Census:
    """Count them; nothing where there is no such machine."""
    total = running = 0
    seconds = 0.0
    now = datetime.now(UTC)
    for execution in _executions(machine, region):
        total += 1
        running += execution["status"] == "RUNNING"
        seconds += ((execution.get("stopDate") or now) - execution["startDate"]).total_seconds()
    return Census(total, running, max(0.0, seconds) / 3600)


def count_under_way(machine: str, region: str) -> int:
    """How many runs are under way; 0 where there is no such machine."""
    return sum(1 for _ in _executions(machine, region, statusFilter="RUNNING"))


def stop_executions(machine: str, region: str) -> int:
    """Stop what runs: a state machine cannot go before its executions have. How many there were."""
    client = aws_client("stepfunctions", region)
    stopped = 0
    for execution in list(_executions(machine, region, statusFilter="RUNNING")):
        with translated(f"the run {execution['name']}"):
            try:
                client.stop_execution(
                    executionArn=execution["executionArn"], error="Stopped", cause="stepherd destroy"
                )
            except Exception as error:
                if error_code(error) != "ExecutionDoesNotExist":
                    raise
        stopped += 1
    return stopped


def stop_tasks(cluster: str, region: str) -> int:
    """Stop what runs in a cluster, whoever has started it: a cluster with tasks cannot be deleted."""
    client = aws_client("ecs", region)
    with translated(f"the cluster {cluster}"):
        try:
            pages = client.get_paginator("list_tasks").paginate(cluster=cluster)
            tasks = [task for page in pages for task in page["taskArns"]]
        except Exception as error:
            if error_code(error) not in _NO_CLUSTER:
                raise
            return 0
        for task in tasks:
            client.stop_task(cluster=cluster, task=task, reason="stepherd destroy")
    return len(tasks)


def _executions(machine: str, region: str, **which: str) -> Iterator[dict[str, Any]]:
    client = aws_client("stepfunctions", region)
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=machine, PaginationConfig={"MaxItems": _MOST}, **which
    )
    with translated(f"the runs of {machine.rpartition(':')[2]}"):
        try:
            for page in pages:
                yield from page["executions"]
        except Exception as error:
            if error_code(error) not in _GONE:
                raise
