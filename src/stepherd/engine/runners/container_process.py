"""A task's container in podman or docker, found again by its name, with the wrapper of a process around it.

The wrapper (``processes.py``) runs ``podman run`` and keeps the exit code and the log. Should it die, the
container continues; whoever looks for the task then follows the container with a new wrapper.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from stepherd.engine.runners.container_client import ContainerClient
from stepherd.engine.runners.processes import LocalProcess
from stepherd.processes.marked import kill_family

__all__ = ["IN_CONTAINER", "ContainerProcess"]

IN_CONTAINER = 'eval "$(cat)"; [ "$STEPHERD_READY" ] || exit 1; unset STEPHERD_READY; exec "$@" </dev/null'
"""The script that begins in the container: it takes the environment from standard input. So no variable is in
an argument, in what ``inspect`` shows, or in a file."""

# An order whose writer died is not whole: then nothing runs, and the wrapper leaves no exit code. The whole
# wrapper may get a signal, and must then wait for the container, which gets it from podman, too.
_RUN = """trap : TERM INT HUP
  order=$(cat); case $order in *STEPHERD_READY=1) ;; *) exit 1;; esac; : >"${0%exit}ready"
  printf '%s\\n' "$order" | "$@" 2>&1"""
_FOLLOW = """trap : TERM INT HUP
  : >"${0%exit}ready"
  "$1" logs --follow "$2" 2>&1 </dev/null | tail -c "+$3"
  exit "$("$1" wait "$2" </dev/null)" """
_KILLED, _REFUSED = 137, 125
_PATIENCE_SECONDS = 10.0


class ContainerProcess(LocalProcess):
    """One container of a task."""

    def __init__(self, folder: Path, name: str, client: ContainerClient) -> None:
        super().__init__(folder, name)
        self._client = client

    @property
    def container(self) -> str:
        """The container's name, from the task's and the definition's."""
        return f"stepherd-{self.name}"

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the wrapper around ``argv``, which runs the container. Raises OSError."""
        pipe = self._begin(_RUN, argv, self._client.environment())
        with contextlib.suppress(BrokenPipeError), os.fdopen(pipe, "w", encoding="utf-8") as lines:
            lines.writelines(f"export {k}={shlex.quote(v)}\n" for k, v in environment.items())
            lines.write("STEPHERD_READY=1\n")

    async def follow(self) -> bool:
        """Take up a container whose wrapper is gone; False when there is none that has begun."""
        state = await self._client.state_of(self.container)
        if state.get("status", "created") in ("created", "configured", "initialized"):
            return False
        written = self.log.stat().st_size if self.log.exists() else 0
        words = [self._client.program, self.container, str(written + 1)]
        os.close(self._begin(_FOLLOW, words, self._client.environment()))
        return True

    def _kill_left_over(self) -> None:
        """Nothing: the container is to continue, and what watches it with it."""

    async def ended(self) -> int:
        """Wait for the end; the exit code, also of a container whose wrapper or client was killed."""
        while True:
            code = await super().ended()
            if code != _KILLED or not await self._goes_on() or not await self.follow():
                return code

    async def _goes_on(self) -> bool:
        """Whether the container runs, or has ended without anybody who noted how."""
        state = await self._client.state_of(self.container)
        return state.get("status") == "running" or (bool(state) and self.exit_code() is None)

    async def why_not_started(self) -> str | None:
        """The words of podman or docker when it could not start the container."""
        if self.exit_code() not in (_REFUSED, 126, 127):
            return None
        state = await self._client.state_of(self.container)
        if state.get("status") == "exited":  # The command itself ended so.
            return None
        return f"CannotStartContainerError: {self._last_words()}"

    async def why_ended(self) -> str | None:
        """ECS's words for a container that had too little memory."""
        if self.exit_code() != _KILLED:
            return None
        state = await self._client.state_of(self.container)
        killed = state.get("oom") == "true"
        return "OutOfMemoryError: Container killed due to memory usage" if killed else None

    async def stop(self, grace: float) -> None:
        """TERM to the container's first process, KILL when the grace time is over; ``clean`` removes it."""
        if self.alive() or self.exit_code() is None:
            seconds = str(max(0, round(grace)))
            asked = await self._client.ask("stop", "--time", seconds, self.container, seconds=grace + 30)
            if asked.code == 0:
                await asyncio.wait({asyncio.ensure_future(super().ended())}, timeout=_PATIENCE_SECONDS)
        if self.alive():
            await self.clean_container()
        while kill_family(self.leader(), self.name):
            await asyncio.sleep(0.02)  # A killed process is gone when the system has seen to it.

    async def clean_container(self) -> None:
        """Remove the container and its volume, whatever state it is in."""
        await self._client.ask("rm", "--force", "--volumes", self.container)

    async def clean(self) -> None:
        """Remove the container; the log stays."""
        await self.clean_container()
        await super().clean()

    def _last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()[-1:]
        return lines[0].removeprefix("Error: ")[:500] if lines else "it said nothing"
