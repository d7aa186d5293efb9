"""Operations that AWS does not have, for the commands of this machine; they need the engine's key, too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.engine.api.errors import invalid_member

if TYPE_CHECKING:
    from stepherd.engine.core import Engine
    from stepherd.engine.journal.records import Execution

__all__ = ["AWAIT_CHANGE", "own_operations", "until_change"]

AWAIT_CHANGE: Final = "StepherdAwaitChange"
"""The only operation that is answered late: when there is news, or after ``seconds``."""

Request = Mapping[str, Any]
_PAUSE_SECONDS: Final = 0.02
"""How long a clean-up may hold up everything else the engine does."""
_MOST: Final = 1000
_LARGEST: Final = 2**63 - 1
"""Of a number that SQLite takes."""
_LONGEST_WAIT_SECONDS: Final = 25.0


def own_operations(engine: Engine) -> dict[str, Callable[[Request], dict[str, Any]]]:
    """By their names, as in ``X-Amz-Target``."""
    own = _Removal(engine)
    return {
        "StepherdListEnded": own.list_ended,
        "StepherdPlanRemoval": own.plan,
        "StepherdRemoveExecutions": own.remove,
        "StepherdCleanUp": own.clean_up,
        AWAIT_CHANGE: lambda _request: {"changes": engine.changes},
    }


async def until_change(engine: Engine, request: Request) -> None:
    """Wait until more has been committed than ``changes``, an earlier answer, says.

    With ``after``, event ids by the ARN of their execution, wait until one of those has later events. At most
    ``seconds``. Raises ApiError.
    """
    seen, seconds, after = _whole(request, "changes"), request.get("seconds", 0), request.get("after") or {}
    good = isinstance(after, dict) and all(
        isinstance(last, int) and 0 <= last <= _LARGEST for last in after.values()
    )
    if not good or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise invalid_member("after", after, "be event ids by ARN, and 'seconds' a number")
    deadline = time.monotonic() + min(seconds, _LONGEST_WAIT_SECONDS)
    while not engine.closing and engine.failure is None:
        if seen != engine.changes and (not after or _has_news(engine, after)):
            return
        seen = engine.changes
        if (left := deadline - time.monotonic()) <= 0:
            return
        await engine.changed(left)


def _has_news(engine: Engine, after: Mapping[str, int]) -> bool:
    for arn, last in after.items():
        execution = engine.journal.execution(arn)
        if execution is None or engine.journal.events(execution.number, after=last, limit=1):
            return True
    return False


class _Removal:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list_ended(self, request: Request) -> dict[str, Any]:
        """Executions of a machine that have ended, without the newest ``keepNewest``, and before the moment
        ``stoppedBefore``; at most 1,000, and ``before``, to be sent along for the next ones."""
        machine = str(request.get("stateMachineArn"))
        keep, before = _whole(request, "keepNewest") or 0, _whole(request, "before")
        stopped = request.get("stoppedBefore")
        if stopped is not None and (isinstance(stopped, bool) or not isinstance(stopped, int | float)):
            raise invalid_member("stoppedBefore", stopped, "be a number")
        moment = None if stopped is None else float(stopped)
        found = self._engine.journal.ended(machine, keep, moment, before, _MOST)
        executions = [
            {"executionArn": e.arn, "name": e.name, "status": e.status, "redriveCount": e.redrives}
            for e in found
        ]
        return {"executions": executions, "before": found[-1].number if len(found) == _MOST else None}

    def plan(self, request: Request) -> dict[str, Any]:
        """For each execution all that would go with it: executions that its tasks have started, the ids of
        its tasks; and whether any of it is still under way."""
        return {"families": [self._family(arn) for arn in _arns(request)]}

    def _family(self, arn: str) -> dict[str, Any]:
        members, tasks, waiting = [], [], [arn]
        running = False
        while waiting:
            execution = self._engine.journal.execution(waiting.pop())
            if execution is None or execution.arn in members:
                continue
            members.append(execution.arn)
            running = running or not self._may_go(execution)
            for attempt in self._engine.journal.attempts_of(execution.arn):
                if "child" in attempt.handle:
                    waiting.append(str(attempt.handle["child"]))
                if "task" in attempt.handle:
                    tasks.append(str(attempt.handle["task"]))
        return {"executionArn": arn, "members": members, "tasks": tasks, "running": running}

    def remove(self, request: Request) -> dict[str, Any]:
        """Remove executions, all of these, or none where one is under way; ``removed`` says which."""
        found = [self._engine.journal.execution(arn) for arn in _arns(request)]
        executions = [execution for execution in found if execution is not None]
        may = all(self._may_go(execution) for execution in executions)
        if may:
            self._engine.journal.remove(execution.number for execution in executions)
            for execution in executions:
                self._engine.at_removal(execution.arn)
        return {"removed": may}

    def clean_up(self, _request: Request) -> dict[str, Any]:
        """Work a moment at what removed executions have left; ``more`` is whether to call again."""
        return {"more": self._engine.journal.clean_up(_PAUSE_SECONDS)}

    def _may_go(self, execution: Execution) -> bool:
        jobs: Iterable[Any] = self._engine.journal.open_attempts(execution.number)
        busy = execution.arn in self._engine.on_their_way or any("service" in job.handle for job in jobs)
        return not execution.running and not busy


def _arns(request: Request) -> list[str]:
    given = request.get("executionArns")
    if not isinstance(given, list) or not all(isinstance(arn, str) for arn in given) or len(given) > _MOST:
        raise invalid_member("executionArns", given, "be a list of at most 1,000 ARNs")
    return given


def _whole(request: Request, member: str) -> int | None:
    value: int | None = request.get(member)
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST
    if value is not None and not right:
        raise invalid_member(member, value, "be a whole number")
    return value
