"""Which context is meant, and its backend."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.cloud.contexts import LOCAL, Contexts, read_contexts
from stepherd.errors import StepherdError, UsageError
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["Choice", "choose", "default_home", "open_backend", "suggested_context"]

VARIABLE: Final = "STEPHERD_CONTEXT"


def default_home() -> Path:
    """The home where none is named: STEPHERD_HOME, else ``~/.stepherd``."""
    return Path(os.environ.get("STEPHERD_HOME") or Path("~/.stepherd").expanduser()).absolute()


@dataclass(frozen=True, slots=True)
class Choice:
    """The context of a command, and why it is that one."""

    name: str
    why: str


def choose(home: Path, given: str | None) -> Choice:
    """The context of one command: --context, else STEPHERD_CONTEXT, else the default of the home's file.

    Raises UsageError for an empty name, ConfigurationError for a file that makes no sense.
    """
    for name, why in ((given, "--context"), (os.environ.get(VARIABLE), VARIABLE)):
        if name:
            return Choice(name, f"chosen by {why}")
    if given is not None:
        raise UsageError("--context is empty.", remedy=Remedy("List the contexts: ", ("context",)))
    contexts = read_contexts(home)
    return Choice(contexts.default, "the default" if contexts.known else "there is no other")


def open_backend(home: Path, choice: Choice) -> Backend:
    """The backend of a context. Raises NotFoundError for one that is not there, ConfigurationError."""
    contexts = Contexts() if choice.name == LOCAL else read_contexts(home)
    context = contexts.find(choice.name)
    if context is None:
        # For the start-up time: what runs at home loads no stack, and the other way round.
        from stepherd.backends.home.backend import HomeBackend

        return HomeBackend(home)
    from stepherd.backends.stack.backend import StackBackend  # for the start-up time, as above

    return StackBackend(home, context)


def suggested_context(home: Path, given: str | None) -> list[str]:
    """``--context NAME`` for commands that are suggested, where they would choose another one without it."""
    if not given:
        return []
    try:
        return [] if choose(home, None).name == given else ["--context", given]
    except StepherdError:
        return ["--context", given]
