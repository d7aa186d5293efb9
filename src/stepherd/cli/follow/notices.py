"""Notices of an engine in this process, which keeps them in a file and does not write over the live view."""

from __future__ import annotations

from pathlib import Path

from stepherd.errors import StepherdError
from stepherd.services.notices.console import Notice, recorded_notices
from stepherd.text.terminal import one_line

__all__ = ["NewNotices"]


class NewNotices:
    """The notices recorded since this object was made."""

    def __init__(self, home: Path) -> None:
        self._path = home / "notices.jsonl"
        self._size = self._size_now()
        self._seen: set[str] = set()
        self._new()

    def read(self) -> list[str]:
        """New notices, each in one line. A file that cannot be read has none: the histories say the same."""
        size = self._size_now()
        if size == self._size:
            return []
        self._size = size
        return [one_line(f"{notice.subject}: {notice.text}") for notice in self._new()]

    def _new(self) -> list[Notice]:
        try:
            new = [notice for notice in recorded_notices(self._path) if notice.id not in self._seen]
        except StepherdError:
            return []
        self._seen |= {notice.id for notice in new}
        return new

    def _size_now(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0
