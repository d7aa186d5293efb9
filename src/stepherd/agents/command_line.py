"""A command line as words. No shell reads it: who needs one writes ``sh -c '…'``."""

from __future__ import annotations

import shlex

from stepherd.errors import UsageError

__all__ = ["split_command"]


def split_command(text: str, flag: str) -> tuple[str, ...]:
    """The words of ``text``, split as a POSIX shell does. Raises UsageError naming ``flag``."""
    reason = ""
    words: list[str] = []
    if "\0" in text:
        reason = "it holds a NUL character"
    else:
        try:
            words = shlex.split(text)
        except ValueError as error:
            reason = str(error).lower().rstrip(".")
    if not reason and not (words and words[0]):
        reason = "it is empty"
    if reason:
        raise UsageError(
            f"The command line of {flag} cannot be split into words: {reason}.",
            remedy=f"Give a program and its arguments, or {flag} \"sh -c '…'\" for one that needs a shell.",
        )
    return tuple(words)
