"""The secrets of a run, looked for in what it would push: in every form in which they are masked in logs.

Secrets without a well-known shape (a gateway's key, a login's token) are found because they are known.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from stepherd.services.redaction import Redactor, SecretSearch

__all__ = ["KnownSecrets", "LineSearch"]

_SHORTEST: Final = 8  # to stop a push for; masking in logs begins with shorter ones
_PIECE: Final = 1 << 18
# The address of a gateway is kept beside its key; it may well stand in a repository.
_ADDRESS: Final = re.compile(r"https?://[^\s@?#]+")

Location = tuple[str, int]
"""A file and a line of it, from 1."""


class KnownSecrets:
    """Secrets that no content, name, link, message or branch may hold. Values shorter than eight characters,
    plain addresses and those that are not masked either (``secret_forms.worth_masking``) are left out."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        kept = {secret for secret in secrets if len(secret) >= _SHORTEST and not _ADDRESS.fullmatch(secret)}
        self._redactor = Redactor(kept) if kept else None

    def held_by(self, text: str) -> bool:
        """Whether ``text`` holds one of the secrets, in any form."""
        return self._redactor is not None and bool(self._redactor.spans(_encoded(text)))

    def mask(self, text: str) -> str:
        """Return ``text`` without these secrets."""
        return text if self._redactor is None else self._redactor.mask(text)

    def search(self) -> LineSearch:
        """To look through the lines of files."""
        return LineSearch(None if self._redactor is None else self._redactor.search())


@dataclass(slots=True)
class LineSearch:
    """Looks through lines of files as they come, so that a secret that was broken over several is found."""

    _search: SecretSearch | None
    _piece: bytearray = field(default_factory=bytearray)
    _size: int = 0
    _starts: list[int] = field(default_factory=list)
    _locations: list[Location] = field(default_factory=list)

    def add(self, location: Location, data: bytes) -> Iterator[Location]:
        """Take a line, or a part of one; where secrets were found by now."""
        if self._search is None:
            return
        self._starts.append(self._size)
        self._locations.append(location)
        self._piece += data
        self._size += len(data)
        if len(self._piece) >= _PIECE:
            yield from self._look()

    def end(self) -> Iterator[Location]:
        """Where secrets were found in the rest."""
        if self._search is not None:
            yield from self._look()
            yield from map(self._location_at, self._search.finish())

    def _look(self) -> Iterator[Location]:
        assert self._search is not None
        found = self._search.feed(bytes(self._piece))
        self._piece.clear()
        yield from map(self._location_at, found)
        done = max(0, bisect_right(self._starts, self._search.passed) - 1)
        del self._starts[:done], self._locations[:done]

    def _location_at(self, offset: int) -> Location:
        return self._locations[max(0, bisect_right(self._starts, offset) - 1)]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
