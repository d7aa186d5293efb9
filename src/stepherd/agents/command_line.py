"""A command line as words. No shell reads it; a user that needs one writes ``sh -c '…'``."""

from __future__ import annotations

import re
import shlex

from stepherd.errors import UsageError

__all__ = ["shell_line", "split_command"]

_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
# A word that begins as no argument does, or ends one command: whoever wrote it meant a shell.
_OPERATOR = re.compile(r"(?<!\S)(?:\d?>{1,2}|&>|\d?<|\|{1,2}(?!\S)|&{1,2}(?!\S)|;)|;(?!\S)")


_READ_BY_A_SHELL = re.compile(r"[|&;<>()$`*?\[\]{}~#!\n]")
_READ_IN_QUOTES = re.compile(r"[$`]|\\\n")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_WORDS_OF_A_SHELL = frozenset(
    [
        ".",
        ":",
        "alias",
        "break",
        "case",
        "cd",
        "command",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "for",
        "function",
        "getopts",
        "hash",
        "if",
        "let",
        "local",
        "read",
        "readonly",
        "return",
        "select",
        "set",
        "shift",
        "source",
        "time",
        "times",
        "trap",
        "type",
        "typeset",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "until",
        "wait",
        "while",
    ]
)
"""First words that mean something to a shell and name no program, or one that does less."""


def shell_line(text: str) -> str:
    """``text`` as a person types it at a prompt, as a command line that no shell has to read: itself where a
    shell would make the same words of it, else ``sh -c`` with it. A text that cannot be split into words, or
    has none, stays as it is."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    if not words or "\0" in text:
        return text
    bare = _QUOTED.sub(lambda quoted: "x" * (quoted[0] != "\\\n"), text)
    in_quotes = any(
        _READ_IN_QUOTES.search(quoted[0]) for quoted in _QUOTED.finditer(text) if quoted[0][0] != "'"
    )
    first = text.split(maxsplit=1)[0]
    own = _ASSIGNMENT.match(first) or words[0] in _WORDS_OF_A_SHELL
    if not own and not in_quotes and not _READ_BY_A_SHELL.search(bare):
        return text
    return shlex.join(["sh", "-c", text])


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
