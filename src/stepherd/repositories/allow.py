"""The paths of which a person has said that they may be pushed, whatever the scan says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from stepherd.errors import UsageError
from stepherd.services.redaction import MASK
from stepherd.text.plain import one_paragraph

__all__ = ["is_allowed", "parse_allow", "pattern_of"]

_MOST: Final = 100
_LONGEST: Final = 500
_ANY_FOLDERS: Final = "**"


def parse_allow(text: str | None) -> tuple[str, ...]:
    """The patterns of a request's ``allow``, which commas separate: paths, folders, or globs (``*``, ``?``,
    ``[…]`` within a name, ``**`` for any folders), from the top of the repository.

    Raises UsageError for a pattern that could match nothing.
    """
    patterns = tuple(part.strip().removeprefix("./") for part in (text or "").split(",") if part.strip())
    if len(patterns) > _MOST:
        raise _refusal(f"There are more than {_MOST} of them")
    for pattern in patterns:
        parts = pattern.rstrip("/").split("/")
        if len(pattern) > _LONGEST or any(letter < " " for letter in pattern):
            raise _refusal("One is too long, or contains control characters")
        if pattern.startswith("/") or not {"", ".", ".."}.isdisjoint(parts) or parts.count(_ANY_FOLDERS) > 3:
            raise _refusal(f"'{pattern}' is not a path in a repository")
    return patterns


def pattern_of(path: str) -> str | None:
    """The pattern that is this path alone, for a person to type; None where none can be. A path that an agent
    made may read as a list of others, or as a glob that stands for everything."""
    pattern = re.sub(r"([*?\[])", r"[\1]", path)
    if MASK in path:
        return None
    try:
        alone = parse_allow(pattern) == (pattern,)
    except UsageError:
        return None
    return pattern if alone and one_paragraph(pattern, _LONGEST) == pattern else None


def is_allowed(path: str, patterns: Sequence[str]) -> bool:
    """Whether one of ``patterns`` is ``path`` or a folder that it is in, or matches one of them."""
    parts = path.split("/")
    return any(_fits(path, parts, pattern.rstrip("/")) for pattern in patterns)


def _fits(path: str, parts: Sequence[str], pattern: str) -> bool:
    # As it stands, first: a name may hold brackets.
    return f"{path}/".startswith(f"{pattern}/") or _matches(parts, pattern.split("/"))


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    # How far into ``parts`` the patterns so far may reach: all ways at once, because an agent's path may be
    # made to have very many.
    reached = {0}
    for pattern in patterns:
        if pattern == _ANY_FOLDERS:
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], pattern)}
        if not reached:
            return False
    return True


def _refusal(what: str) -> UsageError:
    return UsageError(
        f"The paths to allow are not acceptable: {what}.",
        remedy="Use --allow PATH for each, such as tests/key.pem, docs/ or '**/*.pem'.",
    )
