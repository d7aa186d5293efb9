"""The output of a process: redacted, taken line by line, bounded, kept in a transcript.

Whatever is printed, memory stays flat. The transcript keeps the first 16 KiB of a line and 4 MiB in all, then
only the end, behind a mark that says how much was left out. Whoever must read on gets every line, of its
first 4 MiB.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from stepherd.services.redaction import RedactedStream, Redactor
from stepherd.text.plain import plain

__all__ = ["FULL_PIECE", "MOST_BYTES", "MOST_LINE_BYTES", "Transcript"]

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_LINE_BYTES: Final = 16 * 1024
FULL_PIECE: Final = 1 << 16
"""As much as is read of a stream at once; of a shorter piece the pipe held no more."""
_LONGEST_LINE: Final = 4 * 1024 * 1024  # for a reader that must see every line
_TAIL_BYTES: Final = 32 * 1024
_RECORD_BYTES: Final = 64  # what a line costs beside its text
_LAST_LINES: Final = 20
_LAST_LINE_CHARACTERS: Final = 400


@dataclass(slots=True)
class _Stream:
    """One stream's line in progress; ``cut`` counts the bytes of it that were left out."""

    redacted: RedactedStream
    pending: bytearray = field(default_factory=bytearray)
    cut: int = 0
    tail: bytes = b""
    """The end of what came after the transcript was full, not yet redacted."""
    dropped: int = 0
    last: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    """The last of the lines that were read on after the transcript was full, and their bytes in all."""
    unkept: int = 0
    every_line: bool = False
    doubted: bool = False
    """Whether what is not yet redacted may hold a secret that is not known."""


@dataclass(slots=True)
class Transcript:
    """Writes transcript.jsonl: a line is {"at": seconds, "stream": name, "text": …}, with "cut": bytes when
    the end of a long line is missing, or {"at", "stream", "left_out": bytes} where output is missing."""

    file: IO[str]
    redactor: Redactor
    started: float = field(default_factory=time.monotonic)
    bytes_seen: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    """The last lines, made plain and shortened."""
    truncated: bool = False
    """Whether output was left out."""
    before: Callable[[], bool] | None = None
    """Called before each piece is masked: there may be more to mask by now. Whether all secrets are known
    that the piece can hold; where that is not certain, whatever looks like a token is masked in it."""
    _doubted: set[str] | None = None
    """Streams of which all that was printed before the last doubt has been read; None: there is no doubt."""
    _kept: int = 0
    _streams: dict[str, _Stream] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path, redactor: Redactor) -> Transcript:
        """A transcript in a new file."""
        return cls(path.open("w", encoding="utf-8"), redactor)

    def take(self, name: str, chunk: bytes, *, every_line: bool = False) -> list[str]:
        """Take a piece of output as it was read, and return the lines that it ends: redacted, otherwise as
        they were printed. ``every_line``: also those that the transcript has no room for."""
        self.bytes_seen += len(chunk)
        doubt = self._doubt(name, len(chunk))
        stream = self._stream(name)
        if self._kept >= MOST_BYTES and not every_line:
            self.truncated = True
            lines = [] if stream.dropped else self._end_line(name, stream)
            stream.dropped += len(chunk)
            stream.doubted |= doubt
            stream.tail = (stream.tail + chunk)[-_TAIL_BYTES - self.redactor.longest :]
            return lines
        stream.every_line = every_line
        return self._split(name, stream, stream.redacted.feed(chunk, doubt=doubt))

    def end_stream(self, name: str) -> list[str]:
        """No more will come of ``name``: write what is pending, and return its lines."""
        stream = self._streams.pop(name, None)
        if stream is None:
            return []
        doubt = self._doubt(name, FULL_PIECE)
        lines = self._split(name, stream, stream.redacted.flush(doubt=doubt))
        lines += self._end_line(name, stream)
        if stream.dropped:
            lines += self._end_dropped(name, stream)
        if stream.last:
            self._write({"stream": name, "left_out": stream.unkept - sum(map(_size, stream.last))})
            for record in stream.last:
                self._write(record)
        self.file.flush()
        return lines

    def note(self, **fields: Any) -> None:
        """Something that the supervisor has to say, among the output."""
        self._write(fields)
        self.file.flush()

    def close(self) -> None:
        """Write what is pending, and close the file."""
        for name in list(self._streams):
            self.end_stream(name)
        self.file.close()

    def _doubt(self, name: str, length: int) -> bool:
        """Whether a piece of ``name`` may hold a secret that is not known. So may what was printed on any
        stream before the doubt arose, until the pipe was found empty: a piece was not a full one."""
        if self.before and not self.before():
            self._doubted = set()
            return True
        if self._doubted is None or name in self._doubted:
            return False
        if length < FULL_PIECE:
            self._doubted.add(name)
        return True

    def _stream(self, name: str) -> _Stream:
        if name not in self._streams:
            self._streams[name] = _Stream(self.redactor.stream())
        return self._streams[name]

    def _split(self, name: str, stream: _Stream, data: bytes) -> list[str]:
        most = _LONGEST_LINE if stream.every_line else MOST_LINE_BYTES
        *whole, rest = data.split(b"\n")
        lines = []
        for part in whole:
            _extend(stream, part, most)
            lines.append(self._finish_line(name, stream))
        _extend(stream, rest, most)
        return lines

    def _end_line(self, name: str, stream: _Stream) -> list[str]:
        return [self._finish_line(name, stream)] if stream.pending or stream.cut else []

    def _end_dropped(self, name: str, stream: _Stream) -> list[str]:
        redacted, doubt = self.redactor.stream(), stream.doubted
        # The tail may begin with the end of a secret, which no one recognises: that much is cut away below.
        tail = redacted.feed(stream.tail, doubt=doubt) + redacted.flush(doubt=doubt)
        tail = tail[-_TAIL_BYTES:]
        self._write({"stream": name, "left_out": max(0, stream.dropped - len(tail))})
        lines = []
        for part in tail.split(b"\n")[-_LAST_LINES:]:
            record = {"stream": name, "text": part[-MOST_LINE_BYTES:].decode("utf-8", "replace")}
            self._write(record)
            lines.append(self._shown(record))
        return lines

    def _finish_line(self, name: str, stream: _Stream) -> str:
        whole = stream.pending.removesuffix(b"\r")
        cut = stream.cut + max(0, len(whole) - MOST_LINE_BYTES)
        record: dict[str, Any] = {"stream": name, "text": whole[:MOST_LINE_BYTES].decode("utf-8", "replace")}
        if cut:
            self.truncated = True
            record["cut"] = cut
        stream.pending.clear()
        stream.cut = 0
        if self._kept < MOST_BYTES or not stream.every_line:
            self._kept += _size(record) + _RECORD_BYTES
            self._write(record)
        else:
            self.truncated = True
            stream.unkept += _size(record)
            stream.last.append(record)
        shown = self._shown(record)
        return whole.decode("utf-8", "replace") if len(whole) > MOST_LINE_BYTES else shown

    def _shown(self, record: dict[str, Any]) -> str:
        text: str = record["text"] + (f" … [{record['cut']:,} bytes left out]" if "cut" in record else "")
        start = text[: 2 * _LAST_LINE_CHARACTERS]
        shown = start if start.isascii() and start.isprintable() else plain(start)
        self.lines.append(shown[:_LAST_LINE_CHARACTERS])
        return text

    def _write(self, record: dict[str, Any]) -> None:
        at = round(time.monotonic() - self.started, 3)
        # Escaped when it holds a control character: a terminal that shows the file takes C1 ones, too.
        inert = str(record.get("text", "")).isprintable()
        self.file.write(json.dumps({"at": at, **record}, ensure_ascii=not inert) + "\n")


def _size(record: dict[str, Any]) -> int:
    return len(record["text"])


def _extend(stream: _Stream, part: bytes, most: int) -> None:
    room = most - len(stream.pending)
    stream.pending += part[:room]
    stream.cut += max(0, len(part) - max(0, room))
