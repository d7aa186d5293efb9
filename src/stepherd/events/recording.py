"""Events of a run, recorded in its folder as they happen: the lines of events.jsonl (events.schema.json).

Several write to that file, a step and the functions beside it, so every write is conditional on what was read
before it, and is tried again when another was first.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stepherd.errors import StepherdError, TemporaryError
from stepherd.events.vocabulary import EVENTS, Event, Limit
from stepherd.services.store.contract import (
    ObjectNotFound,
    PreconditionFailed,
    Store,
    StoredObject,
    WriteConflict,
)
from stepherd.text.moments import now
from stepherd.text.plain import plain

__all__ = ["MOST_BYTES", "Recorder", "append_events"]

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one recorder. Beyond it only what matters for the run's outcome is recorded."""
_MOST_IMPORTANT_BYTES: Final = 1024 * 1024  # more, for what matters
_IMPORTANT: Final = frozenset({"started", "finished", "limit", "login", "file_changed"})
_OURS: Final = frozenset({"type", "stream", "status", "outcome"})  # words of ours, not of an agent
_LAST_EVENTS: Final = 40
_LONGEST_TEXT: Final = 16 * 1024
_FIRST_WRITE_SECONDS: Final = 1.0
_WRITE_SECONDS: Final = 3.0
_BYTES_PER_SECOND: Final = 256 * 1024  # the larger the file, the less often it is written
_TRIES: Final = 30


def append_events(folder: Store, source: str, events: Iterable[Event]) -> None:
    """Add ``events`` to events.jsonl in the folder of a run, as from ``source``, a state or process.

    Raises TemporaryError when others keep being first, and what a store raises.
    """
    lines = [_line(_fields(source, event.to_json(), _inert)) for event in events]
    if lines:
        _append(folder, b"".join(lines), None)


class Recorder:
    """Records the events of a step while it works: about every three seconds if there are new ones."""

    def __init__(
        self, folder: Store, mask: Callable[[str], str], show: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """``mask`` takes secrets out of a text; ``show`` is called with what is recorded of every event."""
        self._store = folder
        self._mask = mask
        self._show = show
        self._size = 0
        self._left_out = 0
        self._last: deque[tuple[str, Event]] = deque(maxlen=_LAST_EVENTS)
        self._unwritten: list[bytes] = []
        self._known: StoredObject | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_now_and_then, name="events", daemon=True)
        self._thread.start()

    def add(self, source: str, event: Event) -> None:
        """Record an event, redacted, without control characters, long texts cut."""
        important = event.kind in _IMPORTANT
        if self._left_out and not important:
            self._leave_out(source, event)
            return
        fields = _fields(source, event.to_json(), self._clean)
        line = _line(fields)
        if self._size + len(line) > MOST_BYTES + (_MOST_IMPORTANT_BYTES if important else 0):
            self._leave_out(source, event)
            return
        self._record(fields, line)

    def catch_up(self, source: str) -> None:
        """Record the last of the events that there was no room for, behind how many were left out."""
        if not self._left_out:
            return
        left_out = float(self._left_out - len(self._last))
        self._record(self._fullness(source, left_out))
        for name, event in self._last:
            self._record(_fields(name, event.to_json(), self._clean))
        self._left_out = 0
        self._last.clear()

    def close(self) -> None:
        """Write what is not yet written."""
        self._closing.set()
        self._thread.join()
        self._write()

    def _clean(self, text: str) -> str:
        inert = _inert(text)
        # Characters that are taken out may have parted a secret, a cut may part one: mask twice.
        return self._mask(text) if inert is text else self._mask(_inert(self._mask(text)))

    def _leave_out(self, source: str, event: Event) -> None:
        if not self._left_out:
            self._record(self._fullness(source, None))
        self._left_out += 1
        self._last.append((source, event))

    def _fullness(self, source: str, left_out: float | None) -> dict[str, Any]:
        event = Limit("output", limit=float(MOST_BYTES), reached=True, value=left_out)
        return _fields(source, event.to_json(), str)

    def _record(self, fields: dict[str, Any], line: bytes | None = None) -> None:
        line = line or _line(fields)
        self._size += len(line)
        with self._lock:
            self._unwritten.append(line)
        self._show(fields)

    def _write_now_and_then(self) -> None:
        pause = _FIRST_WRITE_SECONDS
        while not self._closing.wait(pause):
            try:
                self._write()
            except StepherdError:
                # The last write says what is wrong; until then it may pass.
                self._known = None
            pause = _WRITE_SECONDS + self._size / _BYTES_PER_SECOND

    def _write(self) -> None:
        with self._lock:
            lines, self._unwritten = self._unwritten, []
        if not lines:
            return
        try:
            self._known = _append(self._store, b"".join(lines), self._known)
        except BaseException:
            with self._lock:
                self._unwritten[:0] = lines
            raise


def _append(store: Store, lines: bytes, known: StoredObject | None) -> StoredObject:
    """Append to events.jsonl; ``known`` is what it holds as far as is known. Returns what it holds then."""
    current = known or _read(store)
    for _ in range(_TRIES):
        body = lines if current is None else current.body + lines
        try:
            if current is None:
                return StoredObject(body, store.put(EVENTS, body, if_none_match=True))
            return StoredObject(body, store.put(EVENTS, body, if_match=current.etag))
        except PreconditionFailed:
            current = _read(store)
        except WriteConflict:
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - lets another writer pass
    raise TemporaryError(
        f"Other processes kept writing {EVENTS} of {store.reference} at the same time.", remedy="Try again."
    )


def _read(store: Store) -> StoredObject | None:
    try:
        return store.get(EVENTS)
    except ObjectNotFound:
        return None


def _fields(source: str, fields: Mapping[str, Any], clean: Callable[[str], str]) -> dict[str, Any]:
    cleaned = {name: value if name in _OURS else _cleaned(value, clean) for name, value in fields.items()}
    return {"at": now(), "source": source, **cleaned}


def _inert(text: str) -> str:
    over = len(text) - _LONGEST_TEXT
    if over <= 0 and text.isascii() and text.isprintable():
        return text
    kept = text[:_LONGEST_TEXT]
    kept = kept if kept.isascii() and kept.isprintable() else plain(kept)
    return kept if over <= 0 else f"{kept} … [{over:,} characters left out]"


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple | list):
        return [_cleaned(item, clean) for item in value]
    return value


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
