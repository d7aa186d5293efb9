"""The invocation that every command gets: the home, the output and the backend of one call."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.backends.choice import Choice, choose, open_backend
from stepherd.cli.advice import completing
from stepherd.cli.output import Output
from stepherd.cloud.contexts import LOCAL
from stepherd.errors import UsageError
from stepherd.remedies import Remedy, completed

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.client.client import Client

__all__ = ["Invocation"]


class Invocation:
    """One call of a command.

    ``home`` is the home that it works on: commands that are suggested name it where it is not the one that
    they would take by themselves. ``context`` is the one of --context, and is named likewise.
    """

    def __init__(self, home: Path, *, as_json: bool = False, context: str | None = None) -> None:
        self.home = home
        self.output = Output(as_json=as_json, advise=self.advice)
        self._context = context

    @cached_property
    def choice(self) -> Choice:
        """Which context is meant, and why. Raises ConfigurationError."""
        return choose(self.home, self._context)

    @cached_property
    def backend(self) -> Backend:
        """Where the runs are. Raises NotFoundError for a context that is not there, ConfigurationError."""
        return open_backend(self.home, self.choice)

    @property
    def client(self) -> Client:
        """The library, for the runs that are meant."""
        from stepherd.client.client import Client  # for its start-up time: run and watch do without

        return Client.on(self.backend)

    def only_local(self, what: str, instead: str) -> None:
        """Refuse what only the embedded engine has. Raises UsageError when a stack was chosen."""
        if self.choice.name != LOCAL:
            chosen = f"the context is '{self.choice.name}' ({self.choice.why})"
            raise UsageError(f"'stepherd {what}' only works on this machine, and {chosen}.", remedy=instead)

    def command(self, *words: str) -> str:
        """A command line of Stepherd's own, to be suggested."""
        return self.advice(Remedy(words))

    def advice(self, text: str) -> str:
        """``text`` with this home and context in the commands that it is known to suggest."""
        return completed(text, lambda command: completing(command, self.home, self._context))
