"""Stepherd's files are for its user alone: files have 0600, folders 0700, in whatever folder they are made.

One setting does it, the umask of each of its programs, which also covers what libraries make (SQLite's files
beside a database, what archives are packed into). It must not reach the programs that work for the user: what
git checks out, an agent builds or a container engine keeps has the modes that the user's own umask gives.
So a program notes that one in the environment of those it starts, and these are started with it.
"""

from __future__ import annotations

import os
import re
from typing import Final

__all__ = ["UMASK_VARIABLE", "keep_files_private", "umask_of_user"]

UMASK_VARIABLE: Final = "STEPHERD_UMASK"
"""The user's umask as a shell prints it, for the programs of Stepherd that this one starts."""
_PRIVATE: Final = 0o077
_INHERIT: Final = -1
_OCTAL: Final = re.compile(r"[0-7]{1,4}")


def keep_files_private() -> None:
    """Make everything private that this process makes from now on. The first act of every program."""
    before = os.umask(_PRIVATE)
    if not _OCTAL.fullmatch(os.environ.get(UMASK_VARIABLE, "")):
        os.environ[UMASK_VARIABLE] = f"{before:04o}"


def umask_of_user() -> int:
    """The umask for a program that works for the user, as ``subprocess`` takes it; -1 leaves it as it is."""
    noted = os.environ.get(UMASK_VARIABLE, "")
    return int(noted, 8) & 0o777 if _OCTAL.fullmatch(noted) else _INHERIT
