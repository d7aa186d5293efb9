"""A command line as words. No shell reads it; a user that needs one writes ``sh -c '…'``."""

from __future__ import annotations

import re
import shlex

from stepherd.errors import UsageError

__all__ = ["split_command"]

_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
# A word that begins as no argument does, or ends one command: whoever wrote it meant a shell.
_OPERATOR = re.compile(r"(?<!\S)(?:\d?>{1,2}|&>|\d?<|\|{1,2}(?!\S)|&{1,2}(?!\S)|;)|;(?!\S)")


def split_command(text: str, flag: str) -> tuple[str, ...]:
    """The words of ``text``, split as a POSIX shell does.

    Raises:
        UsageError: ``text``, which ``flag`` gave, is no command line, or has an operator of a shell
            outside of quotes: as a mere word it would do something else than it says.
    """
    reason = ""
    words: list[str] = []
    if "\0" in text:
        reason = "it has a NUL character"
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
            remedy=f"Write a program and its arguments, or {flag} \"sh -c '…'\" for one that needs a shell.",
        )
    # A quoted word is an argument, whatever it looks like: a letter stands for it.
    operator = _OPERATOR.search(_QUOTED.sub("x", text))
    if operator:
        raise UsageError(
            f"The command line of {flag} has {operator[0]!r}, but no shell reads it.",
            remedy=f'Write {flag} "sh -c {shlex.quote(text)}", or quote it where it is an argument.',
        )
    return tuple(words)
