"""One child process: bounded in time and output, and never outlived by anything that it started."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from stepherd.errors import ConfigurationError
from stepherd.processes.marked import MARKER
from stepherd.services.file_modes import umask_of_user

__all__ = ["CUT", "MOST_WORDS", "Finished", "OutputTooLong", "TimeExpired", "run_bounded"]

_CHUNK: Final = 1 << 16
MOST_WORDS: Final = 80 << 10
"""Bytes of a program's messages that are kept: as many of the first as of the last ones."""
CUT: Final = b"\n\0\n"
"""Stands between them where something was left out; that may have been the middle of a secret."""
_TURN_SECONDS: Final = 0.2
_GRACE_SECONDS: Final = 2.0
_INSTALL: Final = {"git": "Install git 2.39 or newer."}


class TimeExpired(Exception):
    """The process was killed because its time was up; ``err`` is what it had said."""

    def __init__(self, seconds: float, err: bytes) -> None:
        super().__init__(f"killed after {seconds:g} s")
        self.seconds = seconds
        self.err = err


class OutputTooLong(Exception):
    """The process was killed because it printed more than its limit of bytes."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended: its exit code (negative: signal), its output, and what is kept of its
    messages."""

    code: int
    out: bytes
    err: bytes


@dataclass(slots=True)
class _Collector:
    """Takes the output of a process: all of stdout up to a limit, of stderr the first and the last part."""

    limit: int
    sink: Callable[[bytes], None] | None
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    _last: bytearray = field(default_factory=bytearray)
    _left_out: bool = False

    @property
    def messages(self) -> bytes:
        """The part of stderr that is kept."""
        return bytes(self.err + (CUT if self._left_out else b"") + self._last)

    def take_out(self, chunk: bytes) -> None:
        if self.sink is not None:
            self.sink(chunk)
            return
        self.out += chunk
        if len(self.out) > self.limit:
            raise OutputTooLong(f"more than {self.limit} bytes")

    def take_err(self, chunk: bytes) -> None:
        room = max(0, MOST_WORDS // 2 - len(self.err))
        self.err += chunk[:room]
        self._last += chunk[room:]
        if len(self._last) > MOST_WORDS // 2:
            del self._last[: len(self._last) - MOST_WORDS // 2]
            self._left_out = True


def run_bounded(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdin: IO[bytes] | int,
    seconds: float,
    output_limit: int,
    sink: Callable[[bytes], None] | None = None,
    memory: int | None = None,
    file_size: int | None = None,
) -> Finished:
    """Run ``argv`` in its own process group and return when it ends.

    ``seconds`` is measured on the monotonic clock. ``memory`` is how many bytes the process, and each that it
    starts, may have of its own, where the system can be told so (Linux); ``file_size``, how many it may write
    into one file. ``sink`` gets stdout as it comes, in
    pieces, and then nothing is kept of it. Raises TimeExpired or OutputTooLong after the group was killed;
    ConfigurationError when the program is missing. Whatever is left of the group when the program ends is
    killed too.
    """
    _check_is_there(argv[0], environment)
    child = subprocess.Popen(
        _bounded(argv, memory, file_size),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # By it an engine finds and ends what a step left that was killed itself.
        env={**environment, **({MARKER: os.environ[MARKER]} if MARKER in os.environ else {})},
        cwd=folder,
        start_new_session=True,
        # Its files may be for the user: a workspace, the objects of a clone on this disk.
        umask=umask_of_user(),
    )
    collector = _Collector(output_limit, sink)
    try:
        _pump(child, collector, time.monotonic() + seconds, seconds)
        code = child.wait(_GRACE_SECONDS)
    finally:
        _end_group(child)
    return Finished(code, bytes(collector.out), collector.messages)


def _bounded(argv: Sequence[str], memory: int | None, file_size: int | None) -> list[str]:
    """``argv`` within these limits: from its first moment, so that it starts nothing that is not.

    Files that are mapped do not count as memory, so packs may be of any size (getrlimit(2)).
    """
    limits = []
    if memory is not None and sys.platform.startswith("linux"):
        limits.append(f"ulimit -d {memory >> 10}")
    if file_size is not None:
        # Not to be ended by the signal, which git would say nothing of.
        limits += ["trap '' XFSZ", f"ulimit -f {file_size >> 9}"]
    if not limits:
        return [*argv]
    # Where less is allowed already, that stays.
    script = "".join(f"{limit} 2>/dev/null; " for limit in limits)
    return ["/bin/sh", "-c", f'{script}exec "$@"', "sh", *argv]


def _check_is_there(program: str, environment: Mapping[str, str]) -> None:
    if shutil.which(program, path=environment.get("PATH", os.defpath)) is None:
        raise ConfigurationError(
            f"The program '{program}' was not found on PATH.",
            remedy=_INSTALL.get(program, "Install it."),
        )


def _pump(child: subprocess.Popen[bytes], collector: _Collector, deadline: float, seconds: float) -> None:
    """Read both pipes until they close, the program ends, or the time is up."""
    assert child.stdout is not None
    assert child.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, collector.take_out)
        selector.register(child.stderr, selectors.EVENT_READ, collector.take_err)
        while selector.get_map() or child.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeExpired(seconds, collector.messages)
            if not selector.get_map():
                _wait(child, left)
                continue
            # The exit is looked at before the pipes: what the program wrote before it is then readable.
            ended = child.poll() is not None
            ready = selector.select(0 if ended else min(left, _TURN_SECONDS))
            if ended and not ready:
                return
            _read_ready(selector, ready)


def _wait(child: subprocess.Popen[bytes], left: float) -> None:
    try:
        child.wait(min(left, _TURN_SECONDS))
    except subprocess.TimeoutExpired:
        return


def _read_ready(selector: selectors.BaseSelector, ready: Sequence[tuple[selectors.SelectorKey, int]]) -> None:
    for key, _ in ready:
        chunk = os.read(key.fd, _CHUNK)
        if chunk:
            key.data(chunk)
        else:
            selector.unregister(key.fileobj)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(child.pid, signal.SIGKILL)
            child.wait()
    _signal_group(child.pid, signal.SIGKILL)
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # no one is left; macOS says "not permitted" of a group of zombies
