"""Why a state failed, in words, when the step could not say so: from the machine's error and cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stepherd.remedies import RUN, Remedy
from stepherd.runs.digests import RunFolderChanged
from stepherd.runs.proof import SuccessNotProven
from stepherd.runs.result import Failure
from stepherd.services.json_text import read_json
from stepherd.text.plain import one_paragraph

__all__ = ["attempt_of", "described", "failure_of", "failure_of_end", "stopped_text", "unwrapped"]

_ATTEMPT: Final = "STEPHERD_ATTEMPT"
_OUT_OF_MEMORY: Final = 137
_REDRIVE: Final = Remedy("Continue with: ", ("redrive", RUN))
# Exit codes of a step that ended without a result, as a shell gives them.
_EXIT_CODES: Final = {
    _OUT_OF_MEMORY: (
        "it was killed, or ran out of memory",
        "Redrive it. If memory ran out: run less at the same time on this machine, or give the stack's tasks "
        "more (AgentMemory, GitMemory).",
    ),
    139: ("it crashed (segmentation fault)", _REDRIVE),
    143: ("it was stopped (SIGTERM)", _REDRIVE),
    127: ("its program was not found", "Check the image of the task: it must have python and this package."),
    126: ("its program could not be executed", "Check the image of the task."),
}

_ENDS: Final[Mapping[str, Callable[[str], tuple[str, str]]]] = {
    "ABORTED": lambda cause: ("stopped", stopped_text(cause)),
    "TIMED_OUT": lambda _cause: ("timeout", "The run reached the time limit of its state machine."),
}
"""How an execution was ended from outside: category and words."""


def stopped_text(cause: str) -> str:
    """That a run was stopped, and why, as whoever stopped it said."""
    if cause.casefold().startswith("stopped "):
        return f"The run was s{cause[1:].rstrip('.')}."
    return f"The run was stopped: {cause}" if cause else "The run was stopped."


_NO_IMAGE: Final = Remedy(
    "Build the image: here with container/build.sh (docs/how-to-use-the-image.md), or name another with "
    "--image; on a stack with '",
    ("init",),
    "'.",
)

# Errors of functions that a reader has to tell from all others, by their type.
_CATEGORIES: Final = {kind.__name__: kind.category for kind in (RunFolderChanged, SuccessNotProven)}

# Reasons of RunTask by their first part, as "RESOURCE:MEMORY".
_REFUSALS: Final = {
    "RESOURCE": (
        ", which is not available now.",
        Remedy("Wait a while, or ask for less, then: ", ("redrive", RUN)),
    ),
    "AGENT": (
        ": ECS cannot reach the cluster now.",
        Remedy("Wait a while, then: ", ("redrive", RUN)),
    ),
    "MISSING": (
        ": the cluster or the task definition no longer exists.",
        Remedy("Deploy the stack again, then: ", ("redrive", RUN)),
    ),
}


def failure_of(error: str, cause: str) -> Failure:
    """Translate ``error`` and ``cause`` of a catcher, be it of a task, a function or a timeout."""
    name, text = unwrapped(error, cause)
    if name in {"States.Timeout", "States.HeartbeatTimeout"}:
        return Failure("timeout", "The state took longer than allowed and was given up.", _REDRIVE, True)
    fields = described(text)
    if "errorMessage" in fields:
        category = _CATEGORIES.get(str(fields.get("errorType")), "function")
        return Failure(category, one_paragraph(str(fields["errorMessage"]), 1000), "")
    if "ExecutionArn" in fields:
        return _execution_failure(fields)
    if "Containers" in fields:
        return _task_failure(fields)
    if name in {"AmazonECS.Unknown", "ECS.AmazonECSException"}:
        return _capacity_failure(text, fields)
    said = one_paragraph(str(fields.get("Cause", text)), 600)
    return Failure("machine", f"{name}: {said}" if said else name, _REDRIVE)


def failure_of_end(status: str, cause: str) -> Failure | None:
    """The failure of an execution that was ended from outside; None for any other ``status``."""
    if status not in _ENDS:
        return None
    return Failure(*_ENDS[status](one_paragraph(cause, 600)), _REDRIVE, True)


def attempt_of(task: Mapping[str, Any]) -> str | None:
    """The name of the attempt that a task was started for; None where its description leaves that out."""
    overrides = task.get("Overrides")
    listed = overrides.get("ContainerOverrides") if isinstance(overrides, dict) else None
    for container in listed if isinstance(listed, list) else []:
        variables = container.get("Environment") if isinstance(container, dict) else None
        for pair in variables if isinstance(variables, list) else []:
            if isinstance(pair, dict) and pair.get("Name") == _ATTEMPT:
                return str(pair.get("Value", ""))
    return None


def unwrapped(error: str, cause: str) -> tuple[str, str]:
    """Of the state itself: branches of a Parallel end with 'ErrorName: cause', under a name of their own."""
    name, colon, rest = cause.partition(": ")
    return (
        (name, rest)
        if error.endswith("Failed") and not error.startswith("States.") and colon
        else (error, cause)
    )


def _capacity_failure(text: str, fields: Mapping[str, Any]) -> Failure:
    """Of RunTask, which may answer with failures and no tasks ("API failure reasons" of the ECS guide)."""
    failures = fields.get("Failures")
    listed = failures if isinstance(failures, list) else []
    reasons = [
        str(failure["Reason"]) for failure in listed if isinstance(failure, dict) and "Reason" in failure
    ]
    kind = next((reason.partition(":")[0] for reason in reasons), "")
    why, remedy = _REFUSALS.get(kind, ("", _REDRIVE))
    said = one_paragraph(", ".join(reasons) or text, 400)
    return Failure("capacity", f"No container could be started: {said}{why}", remedy, True)


def _execution_failure(execution: Mapping[str, Any]) -> Failure:
    """Of a nested execution: what it ended with, in its own words."""
    status = str(execution.get("Status", "FAILED"))
    if status == "FAILED":
        why = execution.get("Cause") or execution.get("Error") or "no reason given"
        return Failure("execution", one_paragraph(str(why), 1000))
    if status == "TIMED_OUT":
        return Failure("timeout", "The nested execution took longer than allowed.", _REDRIVE, True)
    return Failure("execution", f"The nested execution was {status.lower()}.", _REDRIVE, True)


def _task_failure(task: Mapping[str, Any]) -> Failure:
    codes = [container.get("ExitCode") for container in task["Containers"] if isinstance(container, dict)]
    bad = next((code for code in codes if isinstance(code, int) and code), None)
    if bad is None:
        reason = one_paragraph(
            str(task.get("StoppedReason") or task.get("StopCode") or "no reason given"), 400
        )
        remedy = _NO_IMAGE if reason.startswith("CannotPullContainerError") else _REDRIVE
        return Failure("task", f"The task did not run to its end: {reason.rstrip('.')}.", remedy, True)
    why, way_out = _EXIT_CODES.get(bad, ("it left no result", Remedy("See its output: ", ("logs", RUN))))
    return Failure("task", f"The step ended with exit code {bad}: {why}.", way_out)


def described(text: str) -> dict[str, Any]:
    """The JSON object that a cause is; empty where it is something else."""
    try:
        value = read_json(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
