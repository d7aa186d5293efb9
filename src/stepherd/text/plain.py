"""Text from anywhere made inert for a terminal: no escape sequence, control or direction mark is left."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_paragraph", "plain"]

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    # OSC, DCS and their kin: links, titles, the clipboard; one without an end takes its line only
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|$|(?=[\x1b\n]))"
    r"|\x1b[ -/]*[0-~]"
)  # fmt: skip
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_MOST_KNOWN = 10_000


class _Inert(dict[int, int | None]):
    """For str.translate: looks a character up when it is met for the first time."""

    def __missing__(self, code: int) -> int | None:
        from unicodedata import category

        kept = code if chr(code) in "\n\t" or category(chr(code)) not in _UNSAFE else None
        if len(self) < _MOST_KNOWN:
            self[code] = kept
        return kept


_INERT: Final = _Inert()


def plain(text: str) -> str:
    """``text`` without escape sequences (ECMA-48), controls and invisible format characters.

    Newlines and tabs stay; other line ends become newlines.
    """
    return _ESCAPES.sub("", re.sub("\r\n?|[\v\f\x85\u2028\u2029]", "\n", text)).translate(_INERT)


def one_paragraph(text: str, most: int) -> str:
    """``text`` made plain, with every run of space a single one, and cut with an ellipsis at ``most``."""
    words = " ".join(plain(text).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"
