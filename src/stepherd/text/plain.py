"""Text from anywhere made inert for a terminal: no escape sequence, control or direction mark is left."""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["is_unsafe", "json_text", "one_paragraph", "plain", "visible", "without_escapes"]

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    # OSC, DCS and their kin: links, titles, the clipboard; one without an end takes its line only
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|$|(?=[\x1b\n]))"
    r"|\x1b[ -/]*[0-~]"
)  # fmt: skip
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_PRIVATE_USE: Final = "Co"
# Fillers, and code points that are reserved for invisible characters (Unicode: Default_Ignorable_Code_Point).
_IGNORABLE = re.compile("[\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e00ff]")
_MOST_KNOWN = 10_000


class _Inert(dict[int, int | None]):
    """For str.translate: looks a character up when it is met for the first time."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        kept = None if _is_hidden(character) or _category(character) == _PRIVATE_USE else code
        if len(self) < _MOST_KNOWN:
            self[code] = kept
        return kept


_INERT: Final = _Inert()


def plain(text: str) -> str:
    """``text`` without escape sequences (ECMA-48), controls and invisible format characters.

    Newlines and tabs stay; other line ends become newlines.
    """
    return without_escapes(re.sub("\r\n?|[\v\f\x85\u2028\u2029]", "\n", text)).translate(_INERT)


def without_escapes(text: str) -> str:
    """``text`` without escape sequences; every other character stays."""
    return _ESCAPES.sub("", text)


def one_paragraph(text: str, most: int) -> str:
    """``text`` made plain, with every run of space a single one, and cut with an ellipsis at ``most``."""
    words = " ".join(plain(text).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def visible(text: str) -> str:
    """``text``, a line, with everything hidden in it shown: ``^M``, ``<U+001B>``. Tabs stay.

    For what is to be judged as it is: ``plain`` leaves such characters out.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character == "\t" or (character.isascii() and character.isprintable()):
        return character
    if character == "\r":
        return "^M"
    hidden = _is_hidden(character) or _category(character) == _PRIVATE_USE or character == "\n"
    return f"<U+{ord(character):04X}>" if hidden else character


def is_unsafe(text: str) -> bool:
    """Whether ``text`` holds a control character (also a tab or newline) or an invisible or direction mark.

    For names, which are refused rather than changed.
    """
    if text.isascii():
        return not text.isprintable()
    return "\n" in text or "\t" in text or any(map(_is_hidden, text))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON for a terminal or a program: readable, but escaped to ASCII when a character in it
    could drive a terminal (JSON itself escapes only some of them)."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return json.dumps(value, indent=indent) if plain(text) != text else text


def _is_hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    return _category(character) in _INVISIBLE or _IGNORABLE.match(character) is not None


def _category(character: str) -> str:
    # Only now: texts are ASCII nearly always, and the tables of Unicode take their time to load.
    from unicodedata import category

    return category(character)
