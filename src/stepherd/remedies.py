"""Advice on the next step, as data: words, and Stepherd's commands with their arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Final, Self, TypeAlias

__all__ = [
    "RUN",
    "Command",
    "Remedy",
    "changed",
    "command_text",
    "commands_in",
    "completed",
    "joined",
    "known_remedy",
    "of_no_run",
    "of_run",
]

_ENDS: Final = ".!?…"
_CLOSING: Final = "\"'`”\u2019»)]}*_"
"""Characters that may follow the full stop of a sentence and still belong to it."""
RUN: Final = "RUN"
"""Stands for the run's id in a command, where whoever writes it does not know the run."""
Command: TypeAlias = tuple[str, ...]


def command_text(command: Command) -> str:
    """A command of ours as a shell takes it."""
    return f"stepherd {shlex.join(command)}"


class Remedy(str):
    """Advice on the next step: a text, and the Stepherd commands in it, each as a tuple of its arguments.

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


def commands_in(remedy: str) -> tuple[Command, ...]:
    """The commands of ours that a remedy is known to name; none of a plain string's."""
    return remedy.commands if isinstance(remedy, Remedy) else ()


def changed(remedy: str, change: Callable[[str], str]) -> str:
    """``remedy`` with its text and each argument changed, such as by leaving out what is secret."""
    commands = [[change(word) for word in command] for command in commands_in(remedy)]
    return known_remedy(change(remedy), commands)


def known_remedy(text: str, commands: object) -> str:
    """The remedy that was written down as ``text`` and ``commands``, lists of arguments; what is neither, and
    the text alone that older versions wrote, names no command."""
    listed = commands if isinstance(commands, list | tuple) else ()
    good = tuple(tuple(c) for c in listed if isinstance(c, list | tuple) and c and all(map(_is_text, c)))
    if not good:
        return str(text)
    made = Remedy(text)
    made.commands = good
    return made


def completed(remedy: str, complete: Callable[[Command], Command]) -> str:
    """``remedy`` with each command in its text completed: by a home, a context, the name of its run."""
    found = {command_text(command): complete(command) for command in commands_in(remedy)}
    if not found:
        return remedy
    # The longest first: one command may begin as another does.
    either = re.compile("|".join(re.escape(text) for text in sorted(found, key=len, reverse=True)))
    text = either.sub(lambda match: command_text(found[match[0]]), remedy)
    return known_remedy(text, [*found.values()])


def of_run(remedy: str, run_id: str) -> str:
    """``remedy`` with the run named where it stands for any."""
    return completed(remedy, lambda command: tuple(run_id if word == RUN else word for word in command))


def of_no_run(remedy: str) -> str:
    """``remedy`` where no run has begun that could be redriven: the same command is given again."""
    text, others = str(remedy), []
    for command in commands_in(remedy):
        if command[:2] == ("redrive", RUN):
            options = f" with {shlex.join(command[2:])}" if command[2:] else ""
            text = text.replace(command_text(command), f"the same command{options}")
        else:
            others.append(command)
    return known_remedy(text, others)


def joined(*parts: str) -> str:
    """``parts`` with one space between them, and an end to every sentence that another follows.

    The words of a server or a program that a message quotes may lack a full stop. The last part stays as it
    is: it may end with a command.
    """
    given = [part.strip() for part in parts]
    whole = [part for part in given if part]
    return " ".join([*map(_ended, whole[:-1]), *whole[-1:]])


def _is_text(word: object) -> bool:
    return isinstance(word, str)


def _ended(sentence: str) -> str:
    bare = sentence.rstrip(_CLOSING)
    if not bare or bare[-1] in _ENDS:
        return sentence
    # A colon or comma leads on to what was to follow: there is nothing of it.
    return f"{sentence.rstrip(' ,;:')}."
