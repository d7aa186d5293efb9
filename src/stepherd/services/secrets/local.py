"""Secrets of this machine: ``env:NAME`` and ``file:PATH``."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote

from stepherd.errors import DataError, UsageError
from stepherd.services.disk import disk_error
from stepherd.services.secrets.contract import MOST_BYTES, SecretNotFound, parse_secret

__all__ = ["path_of", "read_local_secret"]


def read_local_secret(reference: str) -> dict[str, str]:
    """Read ``env:NAME``, ``file:PATH`` or ``file:///path``; see read_secret for shape and errors."""
    if reference.startswith("file:"):
        return parse_secret(_from_file(path_of(reference)), reference)
    return parse_secret(_from_environment(_place_of(reference)), reference)


def path_of(reference: str) -> Path:
    """The path that ``file:PATH`` or ``file:///path`` names. Raises UsageError when it is empty."""
    place = _place_of(reference)
    if place.startswith("//"):
        place = unquote(place.removeprefix("//").removeprefix("localhost"))
    return Path(place).expanduser()


def _place_of(reference: str) -> str:
    place = reference.partition(":")[2]
    if not place or "\0" in place:
        raise UsageError(
            f"The secret reference {reference!r} is empty.",
            remedy="Write env:NAME or file:/path/of/secret.",
        )
    return place


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise SecretNotFound(
            f"The environment variable {name!r}, which should contain a secret, is not set.",
            remedy=f"Set it (read -rs {name}; export {name}) and run the same command again.",
        )
    return os.environ[name]


def _from_file(path: Path) -> str:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            regular = stat.S_ISREG(os.fstat(file).st_mode)
            content = os.read(file, MOST_BYTES + 1) if regular else b""
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise SecretNotFound(
            f"There is no file {os.fspath(path)!r}, which should hold a secret.", remedy="Check the path."
        ) from error
    except OSError as error:
        raise disk_error(error, "Reading the secret", path) from error
    if not regular:
        raise DataError(
            f"{os.fspath(path)!r}, which should contain a secret, is not a file.", remedy="Check the path."
        )
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise DataError(
            f"The secret in {os.fspath(path)!r} is not UTF-8 text.", remedy="Store text or JSON."
        ) from None
