"""Keeping what a run has left that was ended from outside: by a stop, or by a time limit of its machine.

After such an end no state of the run's own execution runs. One execution of the machine ``keep`` does what
its states would have done (decision 0018): it waits for the run's tasks, pushes the work as partial,
persists the login, and writes the report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.runs.attempts import read_agent
from stepherd.runs.folder import DATABASE, RunFolder

if TYPE_CHECKING:
    from stepherd.runs.orphans import Ended
    from stepherd.services.aws.tasks import Tasks
    from stepherd.services.step_functions.executions import Executions

__all__ = ["KEPT_ENDS", "kept_name", "start_keeping", "what_is_left"]

KEPT_ENDS: Final = ("ABORTED", "TIMED_OUT")
"""How an execution can end otherwise than by its own states."""
_LONGEST_NAME: Final = 80
_NOT_PREPARED: Final[Mapping[str, Any]] = {"request_digest": ""}


def kept_name(run_id: str, redrives: int) -> str:
    """The name of the execution that keeps what the run left at its end after so many redrives."""
    suffix = f"_kept{redrives}" if redrives else "_kept"
    if len(run_id) + len(suffix) <= _LONGEST_NAME:
        return run_id + suffix
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{run_id[: _LONGEST_NAME - len(suffix) - len(digest) - 1]}_{digest}{suffix}"


def start_keeping(ended: Ended, machine_arn: str, executions: Executions) -> bool:
    """Start the keep machine for an end from outside, once for each; whether this call did. There is none
    where ``machine_arn`` is empty: nothing is kept then."""
    if ended.status not in KEPT_ENDS or not machine_arn:
        return False
    now = executions.find(ended.arn)
    if now.running:
        return False  # Redriven: the next attempt has the work in its workspace.
    request = {
        "run_id": ended.run_id,
        "execution": ended.arn,
        "status": ended.status,
        "cause": ended.cause[:4000],
        "started": ended.started.isoformat(timespec="milliseconds"),
    }
    return executions.start(machine_arn, kept_name(ended.run_id, now.redrives), request)


def what_is_left(
    run_id: str, arn: str, folder: RunFolder, tasks: Tasks, executions: Executions
) -> dict[str, Any]:
    """The facts for the keep machine: tasks (how many still run), redriven, redrives, run (its facts by the
    history of its execution), and whether there is work to push and a login to persist."""
    now = executions.find(arn)
    run = executions.prepared(arn) or _NOT_PREPARED
    prepared = "folder" in run
    if prepared and not run.get("request_digest"):
        # Of a version whose executions carried none: what lies there is accepted, as it was then.
        run = {**run, "request_digest": folder.request_digest()}
    agent = read_agent(folder) if prepared else None
    return {
        "tasks": sum(1 for task in tasks.alive() if task.is_of(run_id)),
        "redriven": now.running,
        "redrives": now.redrives,
        "run": dict(run),
        "push": bool(agent and agent.facts.get("bundle")) and run.get("push") == "branch",
        "persist": bool(prepared and run["login"]["needed"] and folder.store.exists(DATABASE)),
    }
