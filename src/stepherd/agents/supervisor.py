"""Runs one process within its limits, outside its reach, and leaves nothing of it behind."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.agents.contract import Evidence, Launch, PlainReader, Reader, Stream
from stepherd.agents.listening import Listener, Speech
from stepherd.agents.output import Transcript
from stepherd.agents.watch import LimitName, Limits, StopRequest, Watch
from stepherd.processes.account import Account
from stepherd.processes.descendants import children_of_this_process, end_tree, signal_tree
from stepherd.runs.events import Event, Limit

__all__ = ["Limits", "StopRequest", "supervise"]

_CHUNK: Final = 1 << 16
_DRAIN_SECONDS: Final = 1.0
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_USED: Final = {
    "time": "{value:.0f} of {limit:.0f} seconds are used",
    "turns": "{value:.0f} of {limit:.0f} turns are used",
    "cost": "{value:.2f} of {limit:.2f} US dollars are used",
}
_WRAP_UP: Final = "Come to an end now: finish what is under way, leave the files in a good state, and stop."


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
    reader: Reader | None = None,
    tell: Callable[[Event], None] = lambda _event: None,
) -> Evidence:
    """Run ``launch`` in ``folder`` until it ends or a limit is reached; then its whole tree is gone.

    At a limit or when asked to stop: SIGINT, after a grace SIGTERM, after another SIGKILL. Its streams go to
    ``transcript`` as ``name`` and ``name-errors``, and line by line to ``reader``, whose events go to
    ``tell`` with those of the limits. ``environment`` is all that it gets. A program that cannot be started
    is evidence too.
    """
    before = children_of_this_process()
    started = time.monotonic()
    try:
        child = _start(launch, environment, folder, account)
    except OSError as error:
        return _not_started(error, launch, name, environment, transcript)
    listener = Listener(reader or PlainReader(), tell)
    speech = None
    if child.stdin is not None:
        speech = Speech(child.stdin, listener.reader.takes_notices, bytearray(launch.stdin or b""))
    adviser = _Adviser(listener, speech)
    watch = Watch(child, before, limits, stop, listener, adviser.near, adviser.reached)
    try:
        _Following(watch, name, transcript, speech).to_the_end()
    finally:
        # Also when this process is itself thrown out of the loop: no agent outlives its supervisor.
        _close(watch)
    return Evidence(
        watch.ending,
        child.returncode if child.returncode >= 0 else 128 - child.returncode,
        round(time.monotonic() - started, 3),
        tuple(transcript.lines),
        watch.limit_seconds,
        listener.facts(),
        reader_error=listener.error,
    )


def _start(
    launch: Launch, environment: Mapping[str, str], folder: Path, account: Account | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        launch.argv,
        stdin=subprocess.DEVNULL if launch.stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env={**environment, **launch.environment},
        cwd=folder,
        start_new_session=True,
        user=None if account is None else account.user,
        group=None if account is None else account.group,
        extra_groups=None if account is None else [],
    )


def _not_started(
    error: OSError, launch: Launch, name: str, environment: Mapping[str, str], transcript: Transcript
) -> Evidence:
    said = f"{launch.argv[0]}: {error.strerror}"
    transcript.note(stream=name, text=said)
    # A folder of PATH that may not be searched gives "permission denied" for what is not there at all.
    path = launch.environment.get("PATH", environment.get("PATH"))
    there = shutil.which(launch.argv[0], os.F_OK, path=path) is not None
    code = _NOT_EXECUTABLE if there and not isinstance(error, FileNotFoundError) else _NOT_FOUND
    return Evidence("not_started", code, 0.0, (said,))


@dataclass(frozen=True, slots=True)
class _Adviser:
    """Tells of limits: in events, and to the agent where it listens."""

    listener: Listener
    speech: Speech | None

    def near(self, name: LimitName, limit: float, value: float) -> None:
        self.listener.tell(Limit(name, limit=limit, reached=False, value=round(value, 3)))
        if self.speech is None or self.speech.closed or not self.speech.keep_open:
            return
        said = self.listener.notice(f"{_USED[name].format(value=value, limit=limit)}. {_WRAP_UP}")
        self.speech.pending += said or b""

    def reached(self, name: LimitName, limit: float) -> None:
        self.listener.tell(Limit(name, limit=limit, reached=True))


@dataclass(slots=True)
class _Following:
    """Reading what a process says and writing what it is told, until it has ended."""

    watch: Watch
    name: str
    transcript: Transcript
    speech: Speech | None

    def to_the_end(self) -> None:
        """Until the process has ended and its pipes are empty. What it left running may hold the pipes open
        for ever, so their end is not waited for."""
        child = self.watch.child
        drained_by: float | None = None
        with selectors.DefaultSelector() as selector, _exit_of(child) as exit_handle:
            self._register(selector, exit_handle)
            while True:
                ended = child.poll() is not None
                now = time.monotonic()
                if not ended:
                    self.watch.look(now)
                    self._speak(selector)
                elif drained_by is None:
                    drained_by = now + _DRAIN_SECONDS
                ready = [key for key, _ in selector.select(0 if ended else self.watch.wait_seconds(now))]
                if drained_by is not None and (
                    not any(isinstance(key.data, str) for key in ready) or now >= drained_by
                ):
                    break
                for key in ready:
                    self._serve(selector, key)
        for label in (self.name, f"{self.name}-errors"):
            self.watch.listener.hear(self._stream_of(label), self.transcript.end_stream(label))

    def _register(self, selector: selectors.BaseSelector, exit_handle: int | None) -> None:
        child = self.watch.child
        assert child.stdout is not None
        assert child.stderr is not None
        selector.register(child.stdout, selectors.EVENT_READ, self.name)
        selector.register(child.stderr, selectors.EVENT_READ, f"{self.name}-errors")
        for wake in (self.watch.stop.fileno(), exit_handle):
            if wake is not None:
                selector.register(wake, selectors.EVENT_READ)
        if self.speech is not None:
            self.speech.begin()

    def _speak(self, selector: selectors.BaseSelector) -> None:
        """Listen for room in stdin while there is something for it, and at no other time."""
        speech = self.speech
        if speech is None or speech.closed:
            return
        if self.watch.listener.done or self.watch.listener.error is not None:
            speech.keep_open = False
        registered = speech.pipe in selector.get_map()
        if speech.waits and not registered:
            selector.register(speech.pipe, selectors.EVENT_WRITE, speech)
        elif registered and not speech.waits:
            selector.unregister(speech.pipe)

    def _serve(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, str):
            self._read(selector, key)
        elif isinstance(key.data, Speech):
            selector.unregister(key.fileobj)
            key.data.write()
        else:
            selector.unregister(key.fileobj)  # it has done its part: it woke us

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
            return
        self.watch.heard = time.monotonic()
        listener = self.watch.listener
        lines = self.transcript.take(key.data, chunk, every_line=listener.needs_all)
        listener.hear(self._stream_of(key.data), lines)

    def _stream_of(self, label: str) -> Stream:
        return "out" if label == self.name else "err"


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


def _close(watch: Watch) -> None:
    if watch.child.poll() is None:
        signal_tree(watch.child.pid, watch.before, signal.SIGKILL)
        watch.child.wait()
    end_tree(watch.child.pid, watch.before)
    for pipe in (watch.child.stdin, watch.child.stdout, watch.child.stderr):
        if pipe is not None:
            pipe.close()
