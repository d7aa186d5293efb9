"""The habits, and where a text has one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tools.shape.texts import Text

__all__ = ["HABITS", "KINDS", "Found", "find"]

KINDS: Final = ("messages", "help", "docstrings", "comments", "docs")
_SENTENCE: Final = r"(?:\A|(?<=[.!?:|#>*-])|(?<=\n\n))\s*"
_NOUNLESS: Final = (
    r"(?:of|by|to|from|for|with|and|or|as|than|on|in|at|but|that|whom|tells|knows?|sees?|asks?|says?)"
)
_CODE: Final = re.compile(r"```.*?```|``[^`]+``|`[^`]+`", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """One use of a habit: where, and the words around it."""

    habit: str
    text: Text
    line: int
    words: str


def _pattern(pattern: str) -> Callable[[Text], Iterator[int]]:
    compiled = re.compile(pattern.replace(" ", r"\s+"))
    return lambda text: (match.start() for match in compiled.finditer(_without_code(text.words)))


def _short(text: Text) -> Iterator[int]:
    if text.kind == "docstrings" and len(text.words.split()) < 4:
        yield 0


HABITS: Final[dict[str, Callable[[Text], Iterator[int]]]] = {
    "goes on": _pattern(r"(?i:\b(?:go|goes|going|went|gone) on\b)"),
    "nobody": _pattern(r"(?i:\bnobody\b)"),
    "anew": _pattern(r"(?i:\banew\b)"),
    "mend": _pattern(r"(?i:\bmend(?:s|ed|ing)?\b)"),
    "shall": _pattern(r"(?i:\bshall\b)"),
    "is none": _pattern(r"(?<![Tt]here\s)\b(?:is|are) none\b"),
    "What is …": _pattern(_SENTENCE + r"What (?:is|are|was)\b(?![^.?!]*\?)"),
    "What …": _pattern(_SENTENCE + r"What\b(?! (?:is|are|was)\b)(?![^.?!]*\?)"),
    "who …": _pattern(rf"(?:{_SENTENCE}Who|(?:[;:(]|\b{_NOUNLESS}) who)\b(?![^.?!]*\?)"),
    "short docstring": _short,
}
"""Each gives the offsets of its uses. A question may begin with any word; code is no prose."""


def find(text: Text) -> Iterator[Found]:
    """Every use of a habit in a text."""
    for name, uses in HABITS.items():
        for start in uses(text):
            around = " ".join(text.words[max(0, start - 40) : start + 60].split())
            yield Found(name, text, text.line + text.words.count("\n", 0, start), around)


def _without_code(words: str) -> str:
    return _CODE.sub(lambda match: re.sub(r"[^\n]", "`", match[0]), words)
