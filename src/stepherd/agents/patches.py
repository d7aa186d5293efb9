"""Unified diffs as people write them, made such as ``git apply`` takes them.

Hand-written patches have wrong counts in their hunk headers, and editors strip the single space from empty
lines of context. Both can be told from the lines themselves. (``git apply --recount`` takes the header of
a second file for a removed line.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["hunk_number", "mended"]

_HUNK: Final = re.compile(r"@@ -(?P<old>\d+)(?:,(?P<count>\d+))? \+(?P<new>\d+)(?:,\d+)? @@(?P<rest>.*)")


def mended(patch: str) -> str:
    """``patch`` with the counts of every hunk as its lines give them, and empty lines as empty context."""
    return "".join(f"{line}\n" for line in _mended_lines(patch.splitlines()))


def hunk_number(patch: str, file: str, line: int) -> int:
    """Which hunk of ``file`` in ``patch`` starts at the old ``line``, from 1; 0 when none does."""
    number, here = 0, False
    for text in patch.splitlines():
        if text.startswith("--- "):
            number, here = 0, re.fullmatch(rf"--- (?:a/)?{re.escape(file)}(?:\t.*)?", text) is not None
        elif here and (hunk := _HUNK.match(text)):
            number += 1
            if int(hunk["old"]) == line:
                return number
    return 0


def _mended_lines(lines: list[str]) -> Iterator[str]:
    index = 0
    while index < len(lines):
        hunk = _HUNK.match(lines[index])
        index += 1
        if hunk is None:
            yield lines[index - 1]
            continue
        end = _end_of_hunk(lines, index)
        body = _body_of(lines[index:end], int(hunk["count"] or 1))
        old = sum(line[0] in " -" for line in body)
        new = sum(line[0] in " +" for line in body)
        yield f"@@ -{hunk['old']},{old} +{hunk['new']},{new} @@{hunk['rest']}"
        yield from body
        index = end


def _end_of_hunk(lines: list[str], start: int) -> int:
    for index in range(start, len(lines)):
        line = lines[index]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            return index
        if line and line[0] not in " +-\\":
            return index
    return len(lines)


def _body_of(lines: list[str], old_count: int) -> list[str]:
    """Empty lines become context; those at the end, beyond what the header counts, stand between hunks."""
    body = [line or " " for line in lines]
    while body and not lines[len(body) - 1] and sum(line[0] in " -" for line in body) > old_count:
        body.pop()
    return body
