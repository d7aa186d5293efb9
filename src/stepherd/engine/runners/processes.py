"""A task's containers as processes that outlive the engine and can be found again.

Each container has a folder: ``lock`` (held by the wrapper alone, so that any engine can tell whether it
lives; what the command leaves behind does not hold it), ``exit`` (its code, written by rename),
``pid``, ``log``, ``home``, ``tmp`` and ``work``. Its environment reaches it through a pipe, so no other
process shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stepherd.engine.runners.forking import Forked, ForkServer, Start
from stepherd.engine.threads import in_thread, start_thread
from stepherd.processes.marked import MARKER, kill_family
from stepherd.services.removal import remove_tree

__all__ = ["LocalProcess", "interpreter_path"]

_WRAPPER = """echo "$$" >pid.new && mv pid.new "${0%exit}pid"
trap : TERM INT HUP
( @COMMAND@ )
code=$?
[ -e "${0%exit}ready" ] || kill -9 $$
echo "$code" >"$0.new" && mv "$0.new" "$0"
exit "$code"
"""
_LOOK_SECONDS = 0.2
_AT_ONCE = """. /dev/stdin; [ "$STEPHERD_READY" ] || exit 1; unset STEPHERD_READY; : >"${0%exit}ready"
  exec "$@" </dev/null 2>&1"""


def interpreter_path() -> str:
    """PATH with the running interpreter's folder first, so that ``python`` is the one that has Stepherd."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


class LocalProcess:
    """The process of one container, in one folder; started here or by an engine that is gone."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    @property
    def log(self) -> Path:
        """The output of the process, standard output and error together."""
        return self.folder / "log"

    def alive(self) -> bool:
        """Whether it still runs."""
        with contextlib.suppress(FileNotFoundError):
            return _is_locked(self.folder / "lock")
        return False

    def exit_code(self) -> int | None:
        """The exit code, 128 + n for signal n; None while unknown."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.folder / "exit").read_text())
        return None

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it, detached from this process's terminal and group. Raises OSError when it cannot be."""
        pipe = self._begin(_AT_ONCE, argv)
        try:
            with os.fdopen(pipe, "w", encoding="utf-8") as lines:
                own = self._with_own(environment).items()
                lines.writelines(f"export {k}={shlex.quote(v)}\n" for k, v in own)
                # A wrapper whose engine died before this line runs nothing and leaves no exit code.
                lines.write("STEPHERD_READY=1\n")
        except BrokenPipeError as error:  # It needs a process of its own for the command.
            raise OSError(errno.EAGAIN, "The shell around the command ended before it began") from error

    async def start_forked(
        self, server: ForkServer, module: str, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> bool:
        """Start ``python -m MODULE ARGUMENT…``, forked by ``server``; False when nothing has begun."""
        with self._prepared() as (lock, log):
            start = Start(module, self.folder / "work", self.name, self.folder)
            forked = server.fork(start, log, lock)
        if forked is None:
            return False
        begun = await in_thread(_begun, forked, arguments, self._with_own(environment))
        if not begun:  # Whoever was asked is gone, or about to be: the lock is to be had again.
            await _lock_released(self.folder / "lock")
        return begun

    def _with_own(self, environment: Mapping[str, str]) -> dict[str, str]:
        own = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        # Another TMPDIR for a reason: in a container of one's own the agent's user must reach it.
        return {**own, **environment, MARKER: self.name}

    def _begin(self, what: str, argv: Sequence[str], inherited: Mapping[str, str] | None = None) -> int:
        """Start the wrapper around the shell's words ``what``; the pipe that is its standard input."""
        read_end, write_end = os.pipe()
        try:
            with self._prepared() as (lock, log):
                wrapper = _WRAPPER.replace("@COMMAND@", what)
                command = ["/bin/sh", "-c", wrapper, str(self.folder / "exit"), *argv]
                self._spawn(command, inherited or {}, read_end, lock, log)
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        return write_end

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[tuple[int, int]]:
        """The folder as a new process needs it: its lock, taken, and its log, both open."""
        if self.folder.exists():
            self._kill_left_over()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("home", "tmp", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("exit", "ready"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "lock").open("wb") as lock, self.log.open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield lock.fileno(), log.fileno()

    def _kill_left_over(self) -> None:
        """End what a wrapper that vanished may have left."""
        kill_family(self.leader(), self.name)

    def _spawn(
        self, command: list[str], inherited: Mapping[str, str], environment_end: int, lock: int, log: int
    ) -> None:
        process = subprocess.Popen(
            command,
            cwd=self.folder / "work",
            env={**inherited, "PATH": interpreter_path(), MARKER: self.name},
            stdin=environment_end,
            stdout=log,
            stderr=lock,
            start_new_session=True,
        )
        # The process writes it, too, for an engine that dies here; a stop may come before it does.
        (self.folder / "pid").write_text(f"{process.pid}\n")
        # Whoever waits for the task watches the lock; this only sees to it that no zombie stays.
        with contextlib.suppress(OSError):  # Without a thread, the next process that is started buries it.
            start_thread(process.wait, f"reap {process.pid}")

    async def ended(self) -> int:
        """Wait for the end; the exit code, 137 when it was killed before it could leave one."""
        await _lock_released(self.folder / "lock")
        code = self.exit_code()
        return 137 if code is None else code

    async def why_not_started(self) -> str | None:
        """After the end: the reason, in ECS's words, when the command was never begun."""
        return None

    async def why_ended(self) -> str | None:
        """After the end: what ECS says of a container that was ended; None where it says nothing."""
        return None

    async def stop(self, grace: float) -> None:
        """TERM to the process group, KILL when the grace time is over, and KILL to all that is left then."""
        if self.alive():
            waiter = asyncio.ensure_future(self.ended())
            begins = not (self.folder / "ready").exists()
            self._signal_group(signal.SIGTERM)
            done, _ = await asyncio.wait({waiter}, timeout=min(1.0, grace) if begins else grace)
            if begins and not done:
                # The wrapper may have taken the first one for itself, before there was a command. Else there
                # is no second one, as on ECS: it may tear a command out of its end.
                self._signal_group(signal.SIGTERM)
                done, _ = await asyncio.wait({waiter}, timeout=grace)
            while not done:
                kill_family(self.leader(), self.name)
                done, _ = await asyncio.wait({waiter}, timeout=0.2)
        while kill_family(self.leader(), self.name):
            await asyncio.sleep(0.02)  # A killed process is gone when the system has seen to it.

    def leader(self) -> int | None:
        """The process id that leads its group; None before there is one."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.folder / "pid").read_text())
        return None

    def _signal_group(self, number: signal.Signals) -> None:
        leader = self.leader()
        if leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, number)

    async def clean(self) -> None:
        """Remove what only the process needed; the log stays."""
        for name in ("home", "tmp", "work"):
            remove_tree(self.folder / name)


def _begun(forked: Forked, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    forked.tell(arguments, environment)
    pid = forked.pid()
    forked.leave()
    return pid is not None


async def _lock_released(path: Path) -> None:
    """Wait in a thread of its own: the thread ends with the process and holds up nothing when we leave."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def wait() -> None:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        with contextlib.suppress(RuntimeError):  # The loop has been closed: no one waits any more.
            loop.call_soon_threadsafe(_finish, done)

    try:
        start_thread(wait, f"wait {path.parent.name}")
    except OSError:
        while _is_locked(path):
            await asyncio.sleep(_LOOK_SECONDS)
    else:
        await done


def _is_locked(path: Path) -> bool:
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
