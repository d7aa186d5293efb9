"""Invisible parts of a text: white space, controls, escape sequences, characters without a shape.

A secret that a terminal wrapped or coloured is a secret all the same. Two views of a text leave such bytes
out: the narrow one only white space and controls, the wide one also escape sequences, invisible characters,
and all of them as JSON writes them. If the wide view takes away too much, the narrow one still has it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

__all__ = ["Narrow", "View", "Wide", "views"]

_WHITE: Final = bytes(range(0x21)) + b"\x7f"
# Every branch begins with a literal: a search then skips what none begins with.
# A backslash, however often it was escaped; from the first on, so that a long row of them is looked at once.
_BACKSLASHES: Final = rb"\\(?<!\\\\)\\{0,63}+"
_ESCAPED: Final = _BACKSLASHES + rb"(?:u001[bB]|x1[bB]|033|e)"
_CONTROL: Final = rb"\[[0-?]*[ -/]*[@-~]"
_STRING: Final = rb"[\]PX^_][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)"
_HIDDEN: Final = b"|".join(
    (
        rb"\x1b(?:" + _CONTROL + b"|" + _STRING + rb"|[ -/]*[0-Z\\^-~])",
        rb"\^\[" + _CONTROL,  # as git and less show the escape character of others
        rb"\xc2(?:\x9b" + _CONTROL[2:] + rb"|[\x80-\xa0\xad])",
        _ESCAPED + b"(?:" + _CONTROL + b"|" + _STRING + b")",
        _BACKSLASHES + b"[nrt]",
        rb"\xd8\x9c",
        rb"\xe2(?:\x80[\x8b-\x8f\xa8-\xae]|\x81[\xa0-\xaf])",
        rb"\xef\xbb\xbf",
        rb"\xf3\xa0[\x80\x81][\x80-\xbf]",
    )
)
_HINT: Final = rb"[\x1b\\^\xc2\xd8\xe2\xef\xf3]"
# At the end of a piece, what the next piece may turn into something hidden.
_UNFINISHED: Final = (
    rb"(?:(?:\x1b|\xc2\x9b|\^\[|" + _ESCAPED + b")"
    rb"(?:\[?[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]{0,512}\x1b?)"
    rb"|" + _BACKSLASHES + rb"(?:u0{0,2}|u001|x1?|03?)?"
    rb"|\^|[\xc2\xd8]|[\xe2\xef][\x80\x81\xbb]?|\xf3(?:\xa0[\x80\x81]?)?)\Z"
)
_LONGEST_UNFINISHED: Final = 600
_MOST_UNFINISHED: Final = 4


class Positions:
    """Where in a text each seen byte stands. Kept for runs of seen bytes: a byte and a half for each of the
    text, however long it is."""

    def __init__(self, data: bytes, hidden: bytes) -> None:
        self._seen, self._data = array("Q"), array("Q")
        self.length = 0
        """How many bytes are seen."""
        start = 0
        for match in re.compile(hidden).finditer(data):
            self._add(start, match.start())
            start = match.end()
        self._add(start, len(data))

    def __getitem__(self, index: int) -> int:
        run = bisect_right(self._seen, index) - 1
        return self._data[run] + index - self._seen[run]

    def _add(self, start: int, end: int) -> None:
        if end > start:
            self._seen.append(self.length)
            self._data.append(start)
            self.length += end - start


class View(ABC):
    """One way to see a text."""

    hidden: bytes
    """A pattern of what it leaves out, piece by piece. Patterns are compiled when they are needed; ``re``
    remembers them."""

    @abstractmethod
    def seen(self, data: bytes) -> bytes:
        """``data`` without what is not seen."""

    def unfinished(self, data: bytes) -> int:
        """Where something begins that may continue behind the end of ``data``; its length if nothing does."""
        return len(data)

    def positions(self, data: bytes) -> Positions:
        """Where in ``data`` each byte of ``seen(data)`` stands."""
        return Positions(data, self.hidden)


class Narrow(View):
    """Without white space and controls."""

    hidden = rb"[\x00-\x20\x7f]+"

    def seen(self, data: bytes) -> bytes:
        """``data`` without white space and controls."""
        return data.translate(None, _WHITE)


class Wide(View):
    """Also without escape sequences and invisible characters, and without those that JSON escaped."""

    # The escape character is white too, but only where it begins nothing.
    hidden = _HIDDEN + rb"|[\x00-\x1a\x1c-\x20\x7f]+|\x1b"

    def seen(self, data: bytes) -> bytes:
        """``data`` as it is read."""
        if re.search(_HINT, data):
            data = re.sub(_HIDDEN, b"", data)
        return data.translate(None, _WHITE)

    def unfinished(self, data: bytes) -> int:
        """Where an escape sequence or a character begins that ``data`` cuts off."""
        end = len(data)
        for _ in range(_MOST_UNFINISHED):
            # The end of one can look like the beginning of another: ESC \\ ends a string.
            found = re.compile(_UNFINISHED).search(data, max(0, end - _LONGEST_UNFINISHED), end)
            if found is None:
                break
            end = found.start()
        return end


def views() -> Iterator[View]:
    """Both views, one after the other."""
    yield Narrow()
    yield Wide()
