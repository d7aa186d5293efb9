"""Git's failures as our errors: each says what happened, why in git's own words, and the next thing to do."""

from __future__ import annotations

import re
from typing import Final

from stepherd.errors import InternalError, StepherdError
from stepherd.repositories.refusals import RULES, CommitNotServed, PushRejected, RepositoryMoved
from stepherd.repositories.server_text import quote, server_lines

__all__ = ["CommitNotServed", "PushRejected", "RepositoryMoved", "explain", "server_words"]

_SEARCHED: Final = 400
"""Characters of a line: patterns take long for a line that a server made for them."""
_NAMES: Final = re.compile(r"\S*/\S*")
"""URLs, refs and paths: others chose their words, which say nothing of the failure."""


def explain(doing: str, place: str, said: str, secrets: tuple[str, ...] = ()) -> StepherdError:
    """The error for a git command that failed.

    ``doing`` is the work in words ("Reading the branches"), ``place`` the repository for people, ``said``
    git's stderr and porcelain output. The message quotes the first of them, and the error's ``details`` are
    all of them: without control characters and ``secrets``.
    """
    lines = server_lines(said, secrets)
    searched = _NAMES.sub("/", "\n".join(line[:_SEARCHED] for line in re.split(r"[\r\n]+", said)))
    for rule in RULES:
        if re.search(rule.pattern, searched, re.IGNORECASE | re.MULTILINE):
            words = quote(lines, rule.pattern)
            message = f"{doing} of {place} failed: {rule.reason}." + (f" Git said: {words}" if words else "")
            return rule.error(message, remedy=rule.remedy, details="\n".join(lines))
    words = quote(lines)
    return InternalError(
        f"{doing} of {place} failed." + (f" Git said: {words}" if words else ""),
        remedy="Run the same with git by hand to see more, and report it if git succeeds.",
        details="\n".join(lines),
    )


def server_words(said: str, secrets: tuple[str, ...] = (), *, limit: int = 600) -> str:
    """The first lines of ``said`` that carry a meaning, on one line, clean and without ``secrets``."""
    return quote(server_lines(said, secrets), limit=limit)
