"""Secrets in a file that travels beside a commit: a content of Git LFS, to which the commit points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.secret_patterns import SecretPatterns

__all__ = ["secret_in"]

_PIECE: Final = 1 << 18
_LONGEST_LINE: Final = 1 << 20


def secret_in(file: IO[bytes], known: KnownSecrets) -> str | None:
    """Name the first secret that ``file`` holds, in words; None for none. It is read as a stream."""
    patterns, search = SecretPatterns(), known.search()
    for number, line in enumerate(_lines(file), 1):
        kind = patterns.kind_of(line)
        if kind is not None:
            return f"what looks like {kind}"
        if any(True for _ in search.add(("", number), line)):
            return "a secret of this run"
    return "a secret of this run" if any(True for _ in search.end()) else None


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines with their ends; of longer ones, pieces that overlap by nothing."""
    rest = b""
    while piece := file.read(_PIECE):
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
        if len(rest) > _LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest
