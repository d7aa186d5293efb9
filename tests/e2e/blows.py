"""kill -9 of the engine, a step or the agent at a moment that one of them tells of, never by a clock."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.aftermath import await_end, processes_of
from tests.e2e.place import Place

from stepherd.processes.table import table

AGENT: Final = "tests.e2e.roaming_agent"
VICTIMS: Final = ("engine", "step", "agent", "machine")
"""The last is all of them: the power goes."""
OF_GIT: Final = ("init", "fetch", "ls-remote", "add", "write-tree", "index-pack", "bundle", "push")
"""Commands of Stepherd's git, each at some moment of a run's steps."""
_WRAPPER: Final = """#!/bin/sh
PATH={path}
export PATH
case "$*" in
  *--git-dir=*)
    wanted=$(cat {armed} 2>/dev/null)
    for word in "$@"; do
      if [ "git:$word" = "$wanted" ] && rm {armed} 2>/dev/null; then
        echo here > {here}; read word < {go}
      fi
    done ;;
esac
exec git "$@"
"""


@dataclass(frozen=True)
class Blow:
    """``moment`` is ``git:WORD``, or ``agent:N``: before its Nth deed; with ``rests``, the agent waits there
    for what comes, and goes on otherwise."""

    victim: str
    moment: str
    rests: bool = True


class Blows:
    """One at a time: armed, awaited, struck. Pipes are open at both ends, so none waits in vain."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.folder = place.root / "blows"
        (self.folder / "bin").mkdir(parents=True)
        self._armed = self.folder / "armed"
        for name in ("here", "go"):
            os.mkfifo(self.folder / name)
        self._here, self._go = (os.open(self.folder / name, os.O_RDWR) for name in ("here", "go"))
        wrapper = self.folder / "bin/git"
        paths = {name: self.folder / name for name in ("armed", "here", "go")}
        wrapper.write_text(_WRAPPER.format(path=os.environ["PATH"], **paths))
        wrapper.chmod(0o755)
        self.environment = {"PATH": f"{wrapper.parent}{os.pathsep}{place.environment['PATH']}"}

    def close(self) -> None:
        """Disarm: no process waits any more, and none will."""
        self._armed.unlink(missing_ok=True)
        for end in (self._here, self._go):
            os.close(end)

    def arm(self, blow: Blow) -> None:
        """From here on the first who comes to the moment tells of it."""
        self._drain()
        new = self._armed.with_name("armed.new")
        new.write_text(f"{blow.moment}{'' if blow.rests or blow.moment.startswith('git') else ' on'}\n")
        new.rename(self._armed)

    def strike(self, blow: Blow, engine: subprocess.Popen[bytes]) -> bool:
        """Wait for the moment and kill; False when the command ended before anybody came to it."""
        handle = os.pidfd_open(engine.pid)
        try:
            ready, _, _ = select.select([self._here, handle], [], [], 60)
        finally:
            os.close(handle)
        self._armed.unlink(missing_ok=True)
        if self._here not in ready:
            assert ready, "neither the moment nor the end came"
            return False
        killed = self._victims(blow.victim, engine.pid)
        for pid in killed:
            # One that ended by itself meanwhile is as dead as the others.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in killed:
            assert pid == engine.pid or await_end(pid, 30)
        if blow.rests:
            os.write(self._go, b"go\n")
        return True

    def _victims(self, victim: str, engine: int) -> list[int]:
        if victim == "engine":
            return [engine]
        if victim == "machine":
            return [engine, *(pid for pid in processes_of(self._place.root) if pid != engine)]
        if victim == "agent":
            return [pid for pid in table() if AGENT.encode() in _words(pid) and b"python" in _words(pid)[:64]]
        if not (tasks := list(self._place.home.glob("tasks/*/*/pid"))):
            return [engine]  # It is still the command line that asks the repository.
        keeper = int(max(tasks, key=lambda path: path.stat().st_mtime_ns).read_text())
        return [pid for pid, row in table().items() if row.parent == keeper and not row.zombie]

    def _drain(self) -> None:
        for end in (self._here, self._go):
            while select.select([end], [], [], 0)[0]:
                os.read(end, 4096)


def _words(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
