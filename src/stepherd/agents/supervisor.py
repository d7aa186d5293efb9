"""Runs one process within its limits, outside its reach, and leaves nothing of it behind."""

from __future__ import annotations

import os
import selectors
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.agents.contract import Evidence, Launch, PlainReader, Reader, Stream
from stepherd.agents.listening import Listener, Speech
from stepherd.agents.output import FULL_PIECE, Transcript
from stepherd.agents.watch import LimitName, Limits, StopRequest, Watch
from stepherd.events.vocabulary import Event, Limit
from stepherd.processes.reservations import Cancelled
from stepherd.processes.tree import Command, Launcher
from stepherd.services.file_modes import umask_of_user

__all__ = ["Limits", "StopRequest", "supervise"]

_DRAIN_SECONDS: Final = 1.0
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_USED: Final = {
    "time": "{value:.0f} of {limit:.0f} seconds are used",
    "turns": "{value:.0f} of {limit:.0f} turns are used",
    "cost": "{value:.2f} of {limit:.2f} US dollars are used",
}
_WRAP_UP: Final = "Finish now: complete what is under way, leave the files in a good state, and stop."


def supervise(
    launch: Launch,
    *,
    name: str,
    environment: Mapping[str, str],
    folder: Path,
    limits: Limits,
    transcript: Transcript,
    stop: StopRequest,
    launcher: Launcher,
    reader: Reader | None = None,
    tell: Callable[[Event], None] = lambda _event: None,
) -> Evidence:
    """Run ``launch`` in ``folder`` until it ends or a limit is reached; then its whole tree is ended.

    At a limit or when asked to stop: SIGINT, after a grace SIGTERM, after another SIGKILL. Its streams go to
    ``transcript`` as ``name`` and ``name-errors``, and line by line to ``reader``, whose events go to
    ``tell`` with those of the limits. ``environment`` is all that it gets. A program that cannot be started
    is evidence too, and so is what is known of the tree's end.
    """
    started = time.monotonic()
    variables = {**environment, **launch.environment}
    try:
        said = launch.stdin is not None
        tree = launcher.start(Command(launch.argv, variables, folder, stdin=said, umask=umask_of_user()))
    except OSError as error:
        return _not_started(error, launch, name, variables.get("PATH"), transcript)
    except Cancelled:
        return Evidence("interrupted", None, 0.0)
    try:
        listener = Listener(reader or PlainReader(), tell)
        speech = None
        if tree.stdin is not None:
            speech = Speech(tree.stdin, listener.reader.takes_notices, bytearray(launch.stdin or b""))
        adviser = _Adviser(listener, speech)
        watch = Watch(tree, limits, stop, listener, adviser.near, adviser.reached)
        code = _Following(watch, name, transcript, speech).to_the_end()
    finally:
        # Also when this process is itself thrown out of the loop: no agent outlives its supervisor.
        proof = tree.end()
    return Evidence(
        watch.ending,
        code,
        round(time.monotonic() - started, 3),
        tuple(transcript.lines),
        watch.limit_seconds,
        listener.facts(),
        reader_error=listener.error,
        proof=proof,
    )


def _not_started(
    error: OSError, launch: Launch, name: str, path: str | None, transcript: Transcript
) -> Evidence:
    said = f"{launch.argv[0]}: {error.strerror}"
    transcript.note(stream=name, text=said)
    # A folder of PATH that may not be searched gives "permission denied" for what is not there at all.
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

    def to_the_end(self) -> int:
        """Supervise until the process has ended and its pipes are empty; return its exit code. Processes that
        it left running may hold the pipes open for ever, so their end is not waited for."""
        tree = self.watch.tree
        drained_by: float | None = None
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while True:
                code = tree.poll()
                now = time.monotonic()
                if code is None:
                    self.watch.look(now)
                    self._speak(selector)
                elif drained_by is None:
                    drained_by = now + _DRAIN_SECONDS
                wait = self.watch.wait_seconds(now) if code is None else 0
                ready = [key for key, _ in selector.select(wait)]
                if code is not None and drained_by is not None:
                    said = any(isinstance(key.data, str) for key in ready)
                    if not said or now >= drained_by:
                        break
                for key in ready:
                    self._serve(selector, key)
        for label in (self.name, f"{self.name}-errors"):
            self.watch.listener.hear(self._stream_of(label), self.transcript.end_stream(label))
        return code

    def _register(self, selector: selectors.BaseSelector) -> None:
        tree = self.watch.tree
        selector.register(tree.stdout, selectors.EVENT_READ, self.name)
        selector.register(tree.stderr, selectors.EVENT_READ, f"{self.name}-errors")
        for wake in (self.watch.stop.fileno(), tree.fileno()):
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
        chunk = os.read(key.fd, FULL_PIECE)
        if not chunk:
            selector.unregister(key.fileobj)
            return
        self.watch.heard = time.monotonic()
        listener = self.watch.listener
        lines = self.transcript.take(key.data, chunk, every_line=listener.needs_all)
        listener.hear(self._stream_of(key.data), lines)

    def _stream_of(self, label: str) -> Stream:
        return "out" if label == self.name else "err"
