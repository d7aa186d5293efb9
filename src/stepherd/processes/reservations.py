"""Users that a tree has for itself while it lives: what kill(-1) ends must not be another run's."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stepherd.errors import ConfigurationError

__all__ = ["Cancelled", "reserve_killer", "reserve_user"]

_FOLDERS: Final = (Path("/run/stepherd"), Path("/var/tmp/stepherd-locks"), Path("/tmp/stepherd-locks"))  # noqa: S108
_KILLERS: Final = range(60578, 61184)
"""Ids that no distribution gives out (systemd's UIDS-GIDS), and that a rootless container has, too."""
_LOOK_AGAIN_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 5.0
_WAITING: Final = "stepherd: waiting for the agent of another run, which has reserved the user '{name}'"


class Cancelled(Exception):
    """Waiting for a user was given up."""


def reserve_user(user: int, *, alone: bool, pause: Callable[[float], bool]) -> int:
    """Reserve a user for a tree; what it gives is to be closed, by every process that has it, at its end.

    With ``alone`` no other tree has it meanwhile. Waits while that is not so: ``pause`` waits for so many
    seconds, and says whether to continue; else Cancelled is raised. The step's log says that it waits. Raises
    ConfigurationError, too, when with ``alone`` processes of that user live which are not Stepherd's: they
    would be ended with the tree.
    """
    descriptor = _open(f"user-{user}")
    told = False
    try:
        while not _locked(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
            if not told:  # It may take as long as the other agent works, and nothing else would say why.
                print(_WAITING.format(name=_name_of(user)), file=sys.stderr, flush=True)  # noqa: T201
            told = True
            _wait(pause)
        # A namespace gives its reservation back a moment before the last of its processes has ended.
        end = time.monotonic() + _PATIENCE_SECONDS
        while alone and _has_processes(user):
            if time.monotonic() >= end:
                raise _not_alone(user)
            _wait(pause)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _wait(pause: Callable[[float], bool]) -> None:
    if not pause(_LOOK_AGAIN_SECONDS):
        raise Cancelled


def _not_alone(user: int) -> ConfigurationError:
    name = _name_of(user)
    return ConfigurationError(
        f"The user '{name}' has other processes, which would be ended together with an agent.",
        remedy=f"Set STEPHERD_AGENT_USER to a user that only runs agents, or end them: ps -u {name}",
    )


def reserve_killer() -> tuple[int, int]:
    """A user that no process has, and what keeps it reserved. Raises ConfigurationError."""
    for user in _KILLERS:
        if _name_of(user) == str(user) and not _has_processes(user):
            descriptor = _open(f"killer-{user}")
            if _locked(descriptor, fcntl.LOCK_EX):
                return user, descriptor
            os.close(descriptor)
    raise ConfigurationError(
        f"None of the user ids {_KILLERS[0]} to {_KILLERS[-1]} is free.",
        remedy="One of them is needed to end an agent's processes: see docs/decisions/0011.",
    )


def _open(name: str) -> int:
    """A file that only root can open. Raises ConfigurationError when there is no place for it."""
    for folder in _FOLDERS:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022:
                return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            continue
    raise ConfigurationError(
        f"None of {', '.join(map(str, _FOLDERS))} can be written.",
        remedy="Make one of them writable for root, because two agents must not share a user.",
    )


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_processes(user: int) -> bool:
    """Whether a process has this real user; a zombie counts."""
    try:
        os.getpriority(os.PRIO_USER, user)
    except ProcessLookupError:
        return False
    return True


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
