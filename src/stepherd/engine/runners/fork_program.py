"""The program of ``forking``: this file, CONTROL, MARKER, MODULE, HOME.

It loads MODULE, and then forks a program for each message on the socket CONTROL. A program gets its arguments
and environment by a pipe that only itself reads: this process never has anything private in it.

A program has a keeper: a process that leads its session, shows its name in the environment variable MARKER
and notes its exit code. Of all of them only the keeper can be looked into by others of this user: an agent
that could change the server would have its hands in whatever is forked after it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["let_others_look", "main"]

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_LONGEST = 65_536
_FEWEST_FILES, _MOST_FILES = 3, 4
_ORPHANS_SECONDS = 10.0
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
Program = Callable[[], None]


def main() -> None:
    """Load the code, then fork on request."""
    control, marker, module, _home = sys.argv[1:]  # The home is shown to people who look at the processes.
    let_others_look(False)
    import_module(module)
    gc.freeze()  # Loaded modules stay: no collection in a fork need touch it, and so copy it.
    program = _serve(socket.socket(fileno=int(control)), marker)
    if program is not None:
        program()


def _serve(control: socket.socket, marker: str) -> Program | None:
    """Fork for every message; returns a program in its own process, and None when no one asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The system buries the keepers.
    while True:
        message, files, *_ = socket.recv_fds(control, _LONGEST, _MOST_FILES)
        if not message:
            return None
        # Without a process, or files, to be had, whoever asked sees that the files are closed.
        if len(files) >= _FEWEST_FILES and _fork() == 0:
            control.close()
            return _keep(json.loads(message), marker, *files)
        for file in files:
            os.close(file)


def _fork() -> int:
    try:
        return os.fork()
    except OSError:
        return -1


def _keep(
    wanted: dict[str, str], marker: str, order: int, status: int, output: int, other: int = -1
) -> Program:
    """Be the keeper of a program; returns it in its own process.

    Where there are notes, ``other`` is a file that stays open, and so locked, while the keeper lives;
    elsewhere it is the program's standard input.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # They are the program's to answer; the keeper lives to note its end.
    usual = {number: signal.signal(number, lambda *_: None) for number in _STOPPING}
    os.setsid()
    os.chdir(wanted["folder"])
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    if wanted["marker"]:
        let_others_look(True)  # Its marker is to be seen.
        _bear(marker, wanted["marker"])
    notes = Path(wanted["notes"]) if wanted["notes"] else None
    if notes:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _note(notes / "pid", os.getpid())
    try:
        process = os.fork()
    except OSError:
        os._exit(1)  # As if it had never been begun: whoever asked gets no process id.
    if process:
        os.write(status, b"%d\n" % os.getpid())
        os.close(order)
        if notes is None and other >= 0:
            os.close(other)  # Only the program is to hold it: its other end sees when the program is gone.
        _see_the_end(process, status, notes)
    let_others_look(False)
    for number, handler in usual.items():
        signal.signal(number, handler)
    if other >= 0 and notes is None:
        os.dup2(other, 0)
    for file in (status, other):
        if file >= 0:
            os.close(file)
    return lambda: _run(wanted["module"], order, notes)


def let_others_look(allowed: bool) -> None:
    """Whether processes of this user may read and change this one's memory (PR_SET_DUMPABLE). Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, int(allowed), 0, 0, 0)


def _bear(variable: str, value: str) -> None:
    """Overwrite a variable in the environment that this process shows in /proc, and its forks with it.

    A fork shows what its first ancestor began with; the room for the value was left there.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[47]), int(fields[48])  # env_start and env_end of proc(5), counted from the state
    with open("/proc/self/mem", "r+b", buffering=0) as memory:  # noqa: PTH123 - a memory, not a file
        memory.seek(start)
        shown = memory.read(end - start)
        begin = shown.index(f"{variable}=".encode()) + len(variable) + 1
        room = shown.index(b"\0", begin) - begin
        if len(value) > room:
            raise ValueError(f"no room for {value}")
        memory.seek(start + begin)
        memory.write(value.encode().ljust(room, b"\0"))


def _see_the_end(process: int, status: int, notes: Path | None) -> NoReturn:
    if notes is None and not _ends_before(process, status):
        os._exit(1)  # The program sees that it has another parent.
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if notes is None:
        with suppress(BrokenPipeError):  # The last one who asked went at the same moment.
            os.write(status, b"%d\n" % code)
        os._exit(0)
    _end_orphans()
    code = 128 - code if code < 0 else code  # as a shell has it
    if not (notes / "ready").exists():
        os.kill(os.getpid(), signal.SIGKILL)  # Nothing has begun: that is no end of a task.
    _note(notes / "exit", code)
    os._exit(code)


def _end_orphans() -> None:
    """End what the program left, above all when it was killed: without its marker no engine would find it.

    A process that loses its parent becomes a child of this one: without children, nothing is left.
    """
    children = Path(f"/proc/self/task/{os.getpid()}/children")  # this process's only thread
    end = time.monotonic() + _ORPHANS_SECONDS
    while time.monotonic() < end:
        with suppress(OSError):  # not every kernel has it
            for pid in children.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)  # between a kill and its effect


def _ends_before(process: int, status: int) -> bool:
    """Wait for a process; False when whoever should hear of its end is gone first."""
    ends = os.pidfd_open(process)
    poll = select.poll()
    poll.register(ends, select.POLLIN)
    poll.register(status, 0)  # An error is told without being asked for.
    return any(file == ends for file, _ in poll.poll())


def _note(path: Path, number: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(f"{number}\n", "ascii")
    new.rename(path)


def _run(module: str, order: int, notes: Path | None) -> None:
    """Do as ``python -m MODULE ARGUMENT…`` would, with the order's arguments and environment."""
    told = _read(order)
    if told is None:  # Whoever should have told it is gone.
        os._exit(1)
    if notes:
        (notes / "ready").touch()
    environment = told["environment"]
    # Python sets LC_CTYPE as it starts, where no locale is named (PEP 538).
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
    os.environ.clear()
    os.environ.update(coerced | environment)
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [str(Path.cwd()), *(path for path in paths if path not in sys.path)]
    sys.argv[1:] = told["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _read(order: int) -> dict[str, Any] | None:
    with os.fdopen(order, "rb") as stream:
        line = stream.read()
    return json.loads(line) if line.endswith(b"\n") else None


if __name__ == "__main__":
    main()
