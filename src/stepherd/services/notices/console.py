"""Notices on this machine: a paragraph on stderr, and on request a line in a file that outlives it.

The machine part goes nowhere: on a laptop whoever needs it reads it from the engine.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from stepherd.errors import UnavailableError, UsageError
from stepherd.services.disk import disk_error, write_all
from stepherd.services.json_text import read_json
from stepherd.text.plain import one_paragraph, plain

__all__ = ["ConsoleNotices", "Notice", "recorded_notices"]

_SUBJECT_CHARACTERS = 100
_SHOWN_CHARACTERS = 4_000
_KEPT_CHARACTERS = 65_536


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as its file keeps it."""

    time: str
    """The time, in ISO 8601 and UTC."""
    id: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class ConsoleNotices:
    """Notices for the person at the terminal."""

    record: Path | None = None
    """The JSON Lines file that keeps them, if any; private (0600)."""
    shown: bool = True
    """Whether they go to stderr; a program that draws there reads the file instead."""

    @classmethod
    def open(cls, reference: str) -> ConsoleNotices:
        """The channel of ``console:[/path/of/file.jsonl]`` or ``record:/path/of/file.jsonl``.

        Raises UsageError.
        """
        form, _, place = reference.partition(":")
        if "\0" in place or (not place.startswith("/") and (place or form == "record")):
            raise UsageError(
                f"{reference!r} does not name a file by an absolute path.",
                remedy="Write console:, console:/path/of/file.jsonl or record:/path/of/file.jsonl.",
            )
        return cls(Path(place) if place else None, shown=form == "console")

    def publish(self, subject: str, text: str, machine: Mapping[str, object] | None = None) -> str:  # noqa: ARG002
        """Record the notice, if there is a file, then show it; return its id. See Notices.publish."""
        notice = Notice(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            id=f"notice_{os.urandom(8).hex()}",
            subject=one_paragraph(subject, _SUBJECT_CHARACTERS),
            text=plain(text)[:_KEPT_CHARACTERS],
        )
        if self.record is not None:
            _append(self.record, notice)
        if self.shown:
            _show(notice, kept=self.record is not None)
        return notice.id


def recorded_notices(path: Path) -> Iterator[Notice]:
    """The notices that the file ``path`` keeps, oldest first; none when there is no file.

    A line that a crash left incomplete is passed over. Raises StorageError, CredentialsError.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(error, "Reading", path) from error
    for line in lines:
        with suppress(ValueError, TypeError):
            yield Notice(**read_json(line))


def _append(path: Path, notice: Notice) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            torn = _ends_torn(file)
            write_all(file, f"{torn}{json.dumps(asdict(notice))}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise disk_error(error, "Recording a notice in", path) from error


def _ends_torn(file: int) -> str:
    """The newline that the last line lacks, when a writer died in the middle of it."""
    size = os.fstat(file).st_size
    return "\n" if size and os.pread(file, 1, size - 1) != b"\n" else ""


def _show(notice: Notice, *, kept: bool) -> None:
    line = f"{notice.subject}: {one_paragraph(notice.text, _SHOWN_CHARACTERS)}\n"
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError) as error:  # the terminal is gone; stderr is closed or None
        if not kept:
            raise UnavailableError(
                f"The notice {notice.subject!r} could not be shown: there is no terminal.",
                remedy="Use console:/path/of/file.jsonl to write notices to a file.",
            ) from error
