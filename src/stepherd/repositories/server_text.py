"""Texts of git and of servers, made fit to be shown: without secrets and without control of a terminal."""

from __future__ import annotations

import re
from typing import Final

from stepherd.repositories.process import CUT, MOST_WORDS
from stepherd.repositories.secret_patterns import secret_shapes
from stepherd.services.redaction import Redactor
from stepherd.text.plain import one_paragraph

__all__ = ["quote", "server_lines"]

_LONGEST_LINE: Final = 400
_EDGE: Final = 16 << 10  # longer than any form of a secret
_LEFT_OUT: Final = "[…]"
_FROM_SERVER: Final = re.compile(r"(?:\x1b\[[0-9;]*[mK])*remote: ?")
_NOISE: Final = re.compile(
    r"(remote: ?)?((Enumerating|Counting|Compressing|Receiving|Resolving|Writing|Total)\b.*|[=#\-_ ]*)"
    r"|remote:|hint:.*|Warning: Permanently added .*|Please make sure you have the correct access rights"
    r"|and the repository exists\."
)
# Of a push that was refused: what is pushed where, and that it was, the report says in other words.
_AROUND: Final = re.compile(r"error: failed to push some refs to .*|To \S+|Done|=\t?.*\[up to date\]")


def server_lines(said: str, secrets: tuple[str, ...] = ()) -> list[str]:
    """The lines of ``said`` that carry a meaning, in their order, each clean and of bounded length."""
    lines = (one_paragraph(line, _LONGEST_LINE) for line in _masked(said, secrets))
    return [line for line in lines if line and not _NOISE.fullmatch(line)]


def quote(lines: list[str], about: str = "", *, limit: int = 600) -> str:
    """The first of ``lines`` as one line of at most ``limit`` characters: what a server says first is why.

    Where the line that matches the pattern ``about`` comes later than that, the quote begins with it: a
    server may greet at length first.
    """
    told = [line for line in lines if not _AROUND.fullmatch(line)] or lines
    at = next((i for i, line in enumerate(told) if about and re.search(about, line, re.IGNORECASE)), 0)
    if len("; ".join(told[: at + 1])) > limit:
        told = told[at:]
    return one_paragraph("; ".join(told), limit)


def _masked(said: str, secrets: tuple[str, ...]) -> list[str]:
    """The lines of ``said`` without secrets. Next to a place where words were left out stands what may be a
    part of a secret, which nothing can tell: it is left out as well."""
    parts = said.split(CUT.decode())
    shown = [_masked_part(part, secrets) for part in parts]
    if len(parts) > 1:
        shown[0] = shown[0][: max(0, len(shown[0]) - _EDGE)]
        shown[1:-1] = [part[_EDGE : max(_EDGE, len(part) - _EDGE)] for part in shown[1:-1]]
        shown[-1] = shown[-1][_EDGE:]
    return f"\n{_LEFT_OUT}\n".join(shown)[: 2 * MOST_WORDS].split("\n")


def _masked_part(said: str, secrets: tuple[str, ...]) -> str:
    """Also without a secret that the server broke over several lines: git begins each line of a server's
    with a word of its own, which is put aside while secrets are looked for."""
    lines = re.split(r"[\r\n]+", said)
    begins = [found[0] if (found := _FROM_SERVER.match(line)) else "" for line in lines]
    told = "\n".join(line[len(begin) :] for begin, line in zip(begins, lines, strict=True))
    stream = Redactor(secrets, secret_shapes()).stream()
    data = told.encode("utf-8", "surrogatepass")
    masked = (stream.feed(data) + stream.flush()).decode("utf-8", "replace").split("\n")
    return "\n".join(begin + line for begin, line in zip(begins, masked, strict=True))
