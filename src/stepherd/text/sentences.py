"""Sentences of different origin in one line."""

from __future__ import annotations

from typing import Final

__all__ = ["joined"]

_ENDS: Final = ".!?…"
_CLOSING: Final = "\"'`”\u2019»)]}*_"
"""What may stand behind the end of a sentence and belongs to it."""


def joined(*parts: str) -> str:
    """``parts`` with one space between them, and an end to every sentence that another follows.

    What a server or a program said, and a message quotes, may have no full stop. The last part stays as it
    is: it may end with a command.
    """
    given = [part.strip() for part in parts]
    whole = [part for part in given if part]
    return " ".join([*map(_ended, whole[:-1]), *whole[-1:]])


def _ended(sentence: str) -> str:
    bare = sentence.rstrip(_CLOSING)
    if not bare or bare[-1] in _ENDS:
        return sentence
    # A colon or comma leads on to what was to follow: there is nothing of it.
    return f"{sentence.rstrip(' ,;:')}."
