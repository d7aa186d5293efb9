"""What an agent prints: taken line by line, bounded, kept in a transcript, shown without control characters.

Whatever is printed, memory stays flat: a line keeps its first 16 KiB; after 4 MiB only the last 32 KiB of
each stream are kept, and written behind a mark that says how much was left out.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from stepherd.services.plain_text import plain

__all__ = ["MOST_BYTES", "Transcript"]

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_LINE_BYTES: Final = 16 * 1024
_TAIL_BYTES: Final = 32 * 1024
_RECORD_BYTES: Final = 64  # what a line costs beside its text
_LAST_LINES: Final = 20
_LAST_LINE_CHARACTERS: Final = 400


@dataclass(slots=True)
class _Stream:
    """One stream's line in progress; ``cut`` counts the bytes of it that were left out."""

    pending: bytearray = field(default_factory=bytearray)
    cut: int = 0
    tail: bytes = b""
    """The end of what came after the transcript was full."""
    dropped: int = 0


@dataclass(slots=True)
class Transcript:
    """Writes transcript.jsonl: a line is {"at": seconds, "stream": name, "text": …}, with "cut": bytes when
    the end of a long line is missing, or {"at", "stream", "left_out": bytes} where output is missing."""

    file: IO[str]
    show: Callable[[str], None]
    """Called with every line, made plain, as it comes."""
    started: float = field(default_factory=time.monotonic)
    bytes_seen: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    """The last lines, made plain and shortened."""
    truncated: bool = False
    """Whether output was left out."""
    _kept: int = 0
    _streams: dict[str, _Stream] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path, show: Callable[[str], None]) -> Transcript:
        """A transcript in a new file."""
        return cls(path.open("w", encoding="utf-8"), show)

    def take(self, name: str, chunk: bytes) -> None:
        """A piece of output as it was read."""
        self.bytes_seen += len(chunk)
        stream = self._streams.setdefault(name, _Stream())
        if self._kept >= MOST_BYTES:
            self.truncated = True
            stream.dropped += len(chunk)
            stream.tail = (stream.tail + chunk)[-_TAIL_BYTES:]
            return
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            _extend(stream, part)
            self._finish_line(name, stream)
        _extend(stream, rest)

    def end_stream(self, name: str) -> None:
        """No more will come of ``name``: write what is pending."""
        stream = self._streams.pop(name, _Stream())
        if stream.pending or stream.cut:
            self._finish_line(name, stream)
        if stream.dropped:
            self._write({"stream": name, "left_out": max(0, stream.dropped - len(stream.tail))})
            for part in stream.tail.split(b"\n")[-_LAST_LINES:]:
                self._finish_line(name, _Stream(bytearray(part[-MOST_LINE_BYTES:])))
        self.file.flush()

    def note(self, **fields: Any) -> None:
        """Something that the supervisor has to say, among the output."""
        self._write(fields)
        self.file.flush()

    def close(self) -> None:
        """Write what is pending, and close the file."""
        for name in list(self._streams):
            self.end_stream(name)
        self.file.close()

    def _finish_line(self, name: str, stream: _Stream) -> None:
        text = stream.pending.removesuffix(b"\r").decode("utf-8", "replace")
        record: dict[str, Any] = {"stream": name, "text": text}
        shown = text if text.isascii() and text.isprintable() else plain(text)
        if stream.cut:
            self.truncated = True
            record["cut"] = stream.cut
            shown += f" … [{stream.cut:,} bytes left out]"
        self._kept += len(stream.pending) + _RECORD_BYTES
        stream.pending.clear()
        stream.cut = 0
        self._write(record)
        self.lines.append(shown[:_LAST_LINE_CHARACTERS])
        self.show(shown)

    def _write(self, record: dict[str, Any]) -> None:
        at = round(time.monotonic() - self.started, 3)
        self.file.write(json.dumps({"at": at, **record}, ensure_ascii=False) + "\n")


def _extend(stream: _Stream, part: bytes) -> None:
    room = MOST_LINE_BYTES - len(stream.pending)
    stream.pending += part[:room]
    stream.cut += max(0, len(part) - max(0, room))
