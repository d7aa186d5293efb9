"""Where programs are looked for: never in the current folder, whose content may be anyone's."""

from __future__ import annotations

import os
import shutil

from stepherd.errors import ConfigurationError

__all__ = ["absolute_path", "hidden_program", "hides"]


def absolute_path() -> str:
    """PATH without relative and empty entries."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if entry.startswith("/")) or os.defpath


def hides(path: str, program: str) -> bool:
    """Whether ``path``, which a person gives as PATH, certainly does not have ``program``.

    A relative entry is one of a workspace that is not there yet."""
    entries = path.split(os.pathsep)
    return all(entry.startswith("/") for entry in entries) and shutil.which(program, path=path) is None


def hidden_program(who: str, program: str, found: str | None) -> ConfigurationError:
    """The error of a program that a given PATH hides; ``found`` is where it is otherwise."""
    entry = f" has {os.path.dirname(found)}" if found else " has its folder"  # noqa: PTH120
    return ConfigurationError(
        f"{who} needs the program '{program}', which is not found on the PATH that --env gives.",
        remedy=f"Give one that{entry}, or leave PATH out.",
    )
