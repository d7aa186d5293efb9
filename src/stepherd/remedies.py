"""What to do next, as data: words, and commands of ours with their arguments; and messages beside them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final, Self, TypeAlias

__all__ = ["RUN", "Command", "Remedy", "command_text", "commands_in", "joined"]

_ENDS: Final = ".!?…"
_CLOSING: Final = "\"'`”\u2019»)]}*_"
"""What may stand behind the end of a sentence and belongs to it."""
RUN: Final = "RUN"
"""Stands for the run's id in a command, where whoever writes it does not know the run."""
Command: TypeAlias = tuple[str, ...]


def command_text(command: Command) -> str:
    """A command of ours as a shell takes it."""
    return f"stepherd {shlex.join(command)}"


class Remedy(str):
    """What to do next: a text, and the commands of ours that are in it, each by its arguments.

    It is made of parts, ``Remedy("Continue with: ", ("redrive", RUN))``. As a text it has its commands as
    they stand; whoever prints it knows of them, and adds the home, the context and the run. A plain string
    will do for a remedy that names no command.
    """

    commands: tuple[Command, ...]

    def __new__(cls, *parts: str | Command) -> Self:
        """A part that is a remedy itself brings its commands along."""
        made = super().__new__(cls, "".join(p if isinstance(p, str) else command_text(p) for p in parts))
        found: list[Command] = []
        for part in parts:
            found += commands_in(part) if isinstance(part, str) else [part]
        made.commands = tuple(found)
        return made

    def changed(self, change: Callable[[str], str]) -> Self:
        """With ``change`` made to the text and to each argument, such as leaving out what is secret."""
        made = type(self)(change(self))
        made.commands = tuple(tuple(change(word) for word in command) for command in self.commands)
        return made


def commands_in(remedy: str) -> tuple[Command, ...]:
    """The commands of ours that a remedy is known to name; none of a plain string's."""
    return remedy.commands if isinstance(remedy, Remedy) else ()


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
