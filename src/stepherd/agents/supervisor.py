"""Runs one process within its limits, outside its reach, and leaves nothing of it behind."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepherd.agents.account import Account
from stepherd.agents.contract import Ending, Evidence, Launch
from stepherd.agents.output import Transcript
from stepherd.agents.process_tree import children_of_this_process, end_tree, signal_tree

__all__ = ["Limits", "StopRequest", "supervise"]

_CHUNK: Final = 1 << 16
_TURN_SECONDS: Final = 0.25
_DRAIN_SECONDS: Final = 1.0
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds, on the monotonic clock."""

    seconds: float
    silence_seconds: float | None = None
    """How long it may print nothing."""
    interrupt_grace: float = 5.0
    """From SIGINT to SIGTERM."""
    terminate_grace: float = 5.0
    """From SIGTERM to SIGKILL."""


@dataclass(slots=True)
class StopRequest:
    """Asks a supervised process to stop; ``ask`` may be called from a signal handler."""

    asked: bool = False
    _pipe: tuple[int, int] = field(default_factory=os.pipe)

    def ask(self) -> None:
        """Stop, soon."""
        self.asked = True
        os.write(self._pipe[1], b"!")

    def fileno(self) -> int:
        """Readable once asked."""
        return self._pipe[0]

    def close(self) -> None:
        """Give the pipe back."""
        for end in self._pipe:
            os.close(end)


@dataclass(slots=True)
class _Watch:
    """One process under way."""

    child: subprocess.Popen[bytes]
    before: frozenset[int]
    limits: Limits
    stop: StopRequest
    started: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    ending: Ending = "exited"
    limit_seconds: float | None = None
    next_signal: tuple[float, signal.Signals] | None = None

    def look(self, now: float) -> None:
        """Act on what time it is."""
        if self.next_signal is not None:
            self._go_on_ending(now)
        elif self.stop.asked:
            self._begin_ending(now, "interrupted", None)
        elif now - self.started >= self.limits.seconds:
            self._begin_ending(now, "deadline", self.limits.seconds)
        elif self.limits.silence_seconds is not None and now - self.heard >= self.limits.silence_seconds:
            self._begin_ending(now, "silence", self.limits.silence_seconds)

    def wait_seconds(self, now: float) -> float:
        """Until there can be something to look at."""
        if self.next_signal is not None:
            return max(0.0, min(_TURN_SECONDS, self.next_signal[0] - now))
        return max(0.0, min(_TURN_SECONDS, self.started + self.limits.seconds - now))

    def _begin_ending(self, now: float, ending: Ending, limit: float | None) -> None:
        self.ending, self.limit_seconds = ending, limit
        # To the group alone: a tool's helpers get it from their leader, as from a terminal.
        _signal_group(self.child.pid, signal.SIGINT)
        self.next_signal = (now + self.limits.interrupt_grace, signal.SIGTERM)

    def _go_on_ending(self, now: float) -> None:
        assert self.next_signal is not None
        when, number = self.next_signal
        if now >= when:
            signal_tree(self.child.pid, self.before, number)
            self.next_signal = (now + self.limits.terminate_grace, signal.SIGKILL)


def supervise(
    launch: Launch,
    *,
    name: str,
    environment: Mapping[str, str],
    folder: Path,
    limits: Limits,
    transcript: Transcript,
    stop: StopRequest,
    account: Account | None = None,
) -> Evidence:
    """Run ``launch`` in ``folder`` until it ends or a limit is reached; then its whole tree is gone.

    At a limit or when asked to stop: SIGINT, after a grace SIGTERM, after another SIGKILL. Its streams go to
    ``transcript`` as ``name`` and ``name-errors``. ``environment`` is all that it gets. A program that
    cannot be started is evidence too.
    """
    before = children_of_this_process()
    started = time.monotonic()
    try:
        child = _start(launch, environment, folder, account)
    except OSError as error:
        transcript.note(stream=name, text=f"{launch.argv[0]}: {error.strerror}")
        # A folder of PATH that may not be searched gives "permission denied" for what is not there at all.
        there = shutil.which(launch.argv[0], os.F_OK, path=environment.get("PATH")) is not None
        code = _NOT_EXECUTABLE if there and not isinstance(error, FileNotFoundError) else _NOT_FOUND
        return Evidence("not_started", code, 0.0, (f"{launch.argv[0]}: {error.strerror}",))
    watch = _Watch(child, before, limits, stop)
    try:
        _follow(watch, name, transcript)
    finally:
        # Also when this process is itself thrown out of the loop: no agent outlives its supervisor.
        _close(watch)
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    seconds = round(time.monotonic() - started, 3)
    return Evidence(watch.ending, code, seconds, tuple(transcript.lines), watch.limit_seconds)


def _start(
    launch: Launch, environment: Mapping[str, str], folder: Path, account: Account | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        launch.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment, **launch.environment},
        cwd=folder,
        start_new_session=True,
        user=None if account is None else account.user,
        group=None if account is None else account.group,
        extra_groups=None if account is None else [],
    )


def _follow(watch: _Watch, name: str, transcript: Transcript) -> None:
    """Read until the process has ended and its pipes are empty. What it left running may hold the pipes open
    for ever, so their end is not waited for."""
    child = watch.child
    assert child.stdout is not None
    assert child.stderr is not None
    drained_by: float | None = None
    with selectors.DefaultSelector() as selector, _exit_of(child) as exit_handle:
        selector.register(child.stdout, selectors.EVENT_READ, name)
        selector.register(child.stderr, selectors.EVENT_READ, f"{name}-errors")
        for wake in (watch.stop.fileno(), exit_handle):
            if wake is not None:
                selector.register(wake, selectors.EVENT_READ)
        while True:
            ended = child.poll() is not None
            now = time.monotonic()
            if not ended:
                watch.look(now)
            elif drained_by is None:
                drained_by = now + _DRAIN_SECONDS
            ready = [key for key, _ in selector.select(0 if ended else watch.wait_seconds(now))]
            streams = [key for key in ready if key.data is not None]
            if drained_by is not None and (not streams or now >= drained_by):
                break
            for key in ready:
                if key.data is None:
                    selector.unregister(key.fileobj)  # it has done its part: it woke us
                else:
                    _read(selector, key, transcript, watch)
    for label in (name, f"{name}-errors"):
        transcript.end_stream(label)


@contextmanager
def _exit_of(child: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """A handle that becomes readable when the child ends (pidfd_open(2)), where there is such a thing."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    handle = os.pidfd_open(child.pid)
    try:
        yield handle
    finally:
        os.close(handle)


def _read(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, transcript: Transcript, watch: _Watch
) -> None:
    chunk = os.read(key.fd, _CHUNK)
    if chunk:
        watch.heard = time.monotonic()
        transcript.take(key.data, chunk)
    else:
        selector.unregister(key.fileobj)


def _close(watch: _Watch) -> None:
    if watch.child.poll() is None:
        signal_tree(watch.child.pid, watch.before, signal.SIGKILL)
        watch.child.wait()
    end_tree(watch.child.pid, watch.before)
    for pipe in (watch.child.stdout, watch.child.stderr):
        if pipe is not None:
            pipe.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # it has just ended
