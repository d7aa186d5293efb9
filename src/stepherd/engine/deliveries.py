"""Messages of local topics, and ends of executions, on their way to functions that hear of them.

SNS and Lambda's queue keep a message until a function has taken it (Lambda developer guide, "Asynchronous
invocation"): at least once, three tries. So does this: each message is a file until then, and an engine that
takes over from one that left or was killed delivers again what that one had not. A message with a task token
that no one waits for any more is of no use to anybody: it goes when its engine does.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.threads import in_thread
from stepherd.services.json_text import read_json

__all__ = ["DELIVERIES", "Deliveries", "ends_waiting"]

DELIVERIES = "deliveries"
"""The folder in an engine's home."""

_TRIES = 3

Invoke = Callable[[str, str], Awaitable[object]]
"""Runs the function of a name with a payload; TaskError when it fails."""


IsOver = Callable[[str], bool]
"""Whether no one waits for the answer to a task token any more."""


HasEnded = Callable[[str, int], Awaitable[bool]]
"""Waits until an execution, redriven so often, has ended with all that it started; False when that end is
nothing to be told of any more."""


@dataclass(frozen=True, slots=True)
class _Message:
    function: str
    event: str
    token: str = ""
    """Of the task that published it and waits for an answer."""
    execution: str = ""
    """The ARN of the execution whose end it tells of."""
    redrives: int = 0
    """How often that had been redriven."""


class Deliveries:
    """Published messages, not yet taken. Its files may hold task tokens, so only the owner reads them."""

    def __init__(
        self,
        folder: Path,
        invoke: Invoke,
        is_over: IsOver = lambda _token: False,
        has_ended: HasEnded | None = None,
    ) -> None:
        self._folder = folder
        self._invoke = invoke
        self._is_over = is_over
        self._has_ended = has_ended
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> bool:
        """Whether an end is still to be told of."""
        return any(task.get_name().startswith("end-") for task in self._under_way)

    def keep_end(self, name: str, function: str, event: str, execution: str, redrives: int) -> None:
        """Write down that an execution is about to end: told of once it and its jobs have. Raises OSError."""
        self._write(name, _Message(function, event, "", execution, redrives))

    def keep(self, name: str, function: str, event: str, token: str = "") -> None:
        """Write a message down; it can be called from any thread. Raises OSError."""
        self._write(name, _Message(function, event, token))

    def _write(self, name: str, message: _Message) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._folder / f"{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(message), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path(name))

    def begin(self, name: str) -> None:
        """Deliver a message that was kept, without waiting for it."""
        task = asyncio.create_task(self._deliver(name), name=name)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def resume(self) -> None:
        """Deliver what an engine before this one left."""
        self._forget_answered()
        for path in sorted(self._folder.glob("*.json")):
            self.begin(path.stem)

    async def close(self) -> None:
        """Stop delivering; what was not taken, and somebody waits for, stays for the next engine."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._forget_answered()

    def _forget_answered(self) -> None:
        for path in self._folder.glob("*.json"):
            message = _read(path)
            if message is not None and message.token and self._is_over(message.token):
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    async def _deliver(self, name: str) -> None:
        path = self._path(name)
        message = await in_thread(_read, path)
        if message is None:
            path.unlink(missing_ok=True)  # Of a disk that broke: what it was cannot be known any more.
            return
        if message.execution and self._has_ended is not None:
            # It was written before the end was committed, so it may tell of an end that never came.
            due = await self._has_ended(message.execution, message.redrives)
            if not due:
                path.unlink(missing_ok=True)
                return
        for _ in range(_TRIES):
            try:
                await self._invoke(message.function, message.event)
            except TaskError:
                continue
            break
        path.unlink(missing_ok=True)


def ends_waiting(folder: Path) -> list[str]:
    """The ARNs of executions whose end no one has been told of."""
    messages = map(_read, sorted(folder.glob("end-*.json")))
    return [message.execution for message in messages if message is not None and message.execution]


def _read(path: Path) -> _Message | None:
    try:
        return _Message(**read_json(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
