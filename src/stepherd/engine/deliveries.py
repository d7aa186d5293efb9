"""Messages of local topics on their way to subscribed functions.

SNS and Lambda's queue keep a message until a function has taken it (Lambda developer guide, "Asynchronous
invocation"): at least once, three tries. So does this: each message is a file until then, and an engine that
takes over from one that left or was killed delivers again what that one had not.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from stepherd.engine.interpreter.failures import TaskError

__all__ = ["Deliveries"]

_TRIES = 3

Invoke = Callable[[str, str], Awaitable[object]]
"""Runs the function of a name with a payload; TaskError when it fails."""


@dataclass(frozen=True, slots=True)
class _Message:
    function: str
    event: str


class Deliveries:
    """What was published and not yet taken. Its files may hold task tokens: only the owner reads them."""

    def __init__(self, folder: Path, invoke: Invoke) -> None:
        self._folder = folder
        self._invoke = invoke
        self._under_way: set[asyncio.Task[None]] = set()

    def keep(self, name: str, function: str, event: str) -> None:
        """Write a message down; it can be called from any thread. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._folder / f"{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(_Message(function, event)), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path(name))

    def begin(self, name: str) -> None:
        """Deliver a message that was kept, without waiting for it."""
        task = asyncio.ensure_future(self._deliver(name))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def resume(self) -> None:
        """Deliver what an engine before this one left."""
        for path in sorted(self._folder.glob("*.json")):
            self.begin(path.stem)

    async def close(self) -> None:
        """Stop delivering; what was not taken stays for the next engine."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    async def _deliver(self, name: str) -> None:
        path = self._path(name)
        try:
            message = _Message(**json.loads(await asyncio.to_thread(path.read_text)))
        except (OSError, ValueError, TypeError):
            path.unlink(missing_ok=True)  # Of a disk that broke: what it was cannot be known any more.
            return
        for _ in range(_TRIES):
            try:
                await self._invoke(message.function, message.event)
            except TaskError:
                continue
            break
        path.unlink(missing_ok=True)
