"""The settings of the person's own git configuration for a clone or push on a laptop.

Only the settings under ``credential.`` (helpers, user names), ``safe.directory``, the identity, and what
``way_out`` takes of the section ``http`` are taken. Everything else stays outside: a ``url.*.insteadOf``
there would change where a push goes, a ``core.hooksPath`` what runs. The values are written to a private
configuration file (GIT_CONFIG_GLOBAL) and not passed with ``-c``: a helper may hold a password in its text,
and argv is readable by all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.errors import ConfigurationError
from stepherd.repositories.process import OutputTooLong, TimeExpired, run_bounded
from stepherd.repositories.way_out import HTTP_SETTINGS
from stepherd.services.program_path import absolute_path

__all__ = ["OwnSettings", "own_home", "read_own_settings"]

_HTTP: Final = rf"http\.(.*\.)?({'|'.join(HTTP_SETTINGS)})"
_WANTED: Final = rf"^(credential\..*|safe\.directory|user\.(name|email)|{_HTTP})$"


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Pairs of setting and value in git's order, and the identity (None where git knows none)."""

    settings: tuple[tuple[str, str], ...] = ()
    http: tuple[tuple[str, str], ...] = ()
    """Those of the section ``http``."""
    name: str | None = None
    email: str | None = None


def own_home() -> Path:
    """The home folder whose git and SSH settings count: STEPHERD_USER_HOME, or else HOME.

    The engine gives a step a private HOME, and tells it the person's with STEPHERD_USER_HOME.
    """
    return Path(os.environ.get("STEPHERD_USER_HOME") or os.environ.get("HOME") or "/nonexistent")


def read_own_settings(home: Path, scratch: Path) -> OwnSettings:
    """The wanted settings of the system's and of ``home``'s git configuration. Reading runs nothing of it."""
    environment = {
        "PATH": absolute_path(),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_DIR": str(scratch / "absent.git"),
    }
    with Path(os.devnull).open("rb") as nothing:
        try:
            finished = run_bounded(
                ["git", "config", "--includes", "--null", "--get-regexp", _WANTED],
                environment=environment,
                folder=scratch,
                stdin=nothing,
                seconds=30,
                output_limit=1 << 20,
            )
        except (TimeExpired, OutputTooLong) as error:
            raise ConfigurationError(
                f"Your git configuration under {home} could not be read: {error}.",
                remedy="Check it with: git config --global --list",
            ) from None
    return _sort(finished.out.decode("utf-8", "replace"))


def _sort(listing: str) -> OwnSettings:
    settings: list[tuple[str, str]] = []
    http: list[tuple[str, str]] = []
    identity: dict[str, str] = {}
    for entry in listing.split("\0"):
        if not entry:
            continue
        key, separator, value = entry.partition("\n")
        if not separator:
            value = "true"  # a setting without '=' is a boolean
        if key in {"user.name", "user.email"}:
            identity[key] = value
        elif key.startswith("http."):
            http.append((key, value))
        else:
            settings.append((key, value))
    return OwnSettings(tuple(settings), tuple(http), identity.get("user.name"), identity.get("user.email"))
