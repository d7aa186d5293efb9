"""A function whose process cannot be had, at once or later: its call fails in words, and its pool ends."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.runners.forking import Forked
from stepherd.engine.runners.functions import Function, FunctionPool


class NoForks:
    """A server of forks that could not fork: whoever asked sees that the pipe is closed."""

    def fork(self, *_: Any) -> Forked:
        order, status = os.pipe(), os.pipe()
        os.close(order[0])
        os.close(status[1])
        return Forked(order[1], status[0])


@pytest.mark.parametrize("forks", [None, NoForks()], ids=["started", "forked"])
def test_a_function_without_a_process_says_so_and_its_pool_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    open_files = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    async def run() -> str:
        function = Function("f", tmp_path, "app.handle", timeout=20)
        pool = FunctionPool([function], {}, tmp_path / "logs", forks)
        await pool.warm(["f"])
        with pytest.raises(TaskError) as caught:
            await asyncio.wait_for(pool.invoke(function, "{}"), 10)
        await asyncio.wait_for(pool.close(), 10)
        return f"{caught.value.error}: {caught.value.cause}"

    words = asyncio.run(run())

    reason = os.strerror(errno.EAGAIN)
    assert words == f"Lambda.ServiceException: The function f could not be started: {reason}."
    if open_files:
        assert len(list(Path("/proc/self/fd").iterdir())) == open_files
