"""An agent with the login of Amazon Q and a command line, so that tests choose what its CLI does."""

from __future__ import annotations

from typing import ClassVar, Final

from stepherd.agents.command import CommandAgent

__all__ = ["AGENT", "Borrower"]


class Borrower(CommandAgent):
    """Finds its login where the CLI of Amazon Q has it."""

    name: ClassVar[str] = "borrower"
    login: ClassVar[str | None] = "q"


AGENT: Final = Borrower
