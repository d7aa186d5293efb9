"""The commands that are suggested, with the home and the context that they would not take by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stepherd.backends.choice import default_home, suggested_context
from stepherd.remedies import Command

__all__ = ["completing"]

_GROUPS: Final = {"keys": ("create", "list", "revoke"), "login": ("status",), "user": ("export-token",)}
"""Commands with commands of their own."""
_OF_NO_CONTEXT: Final = frozenset({"agents", "init", "configure", "destroy", "context", "prune"})
"""Commands that have no --context: what they are about is this machine, or a stack that they name."""


def completing(command: Command, home: Path, context: str | None) -> Command:
    """``command`` with --home and --context, where it would take others without them."""
    if not command:
        return command
    named = 2 if command[1:2] and command[1] in _GROUPS.get(command[0], ()) else 1
    options: list[str] = []
    if home != default_home() and "--home" not in command:
        options += ["--home", str(home)]
    if command[0] not in _OF_NO_CONTEXT and "--context" not in command:
        options += suggested_context(home, context)
    return (*command[:named], *options, *command[named:])
