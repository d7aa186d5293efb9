"""The layer that all functions share, made by the same script as ``sam build`` runs."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from stepherd.errors import ConfigurationError, UnavailableError
from stepherd.services.disk import NO_ROOM, disk_error

__all__ = ["build_layer"]

_SECONDS: Final = 600
_LAST_LINES: Final = 3
_LONGEST: Final = 600
_ERRNO: Final = re.compile(r"\[Errno ([0-9]{1,3})\]")


def build_layer(root: Path, target: Path, architecture: str) -> None:
    """Fill the folder ``target`` with the layer of the application in ``root``, for ARM64 or X86_64.

    Raises ConfigurationError without pip, UnavailableError when pip cannot get what it needs, StorageError
    when the disk has no room for it.
    """
    if importlib.util.find_spec("pip") is None:
        raise ConfigurationError(
            "The functions' layer is built with pip, which this Python does not have.",
            remedy=f"Run: {sys.executable} -m ensurepip (or: uv pip install --python {sys.executable} pip)",
        )
    script = root / "layer" / "build.py"
    try:
        done = subprocess.run(
            [sys.executable, str(script), str(target / "python")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=_SECONDS, env={**os.environ, "LAMBDA_ARCHITECTURE": architecture},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"pip did not end within {_SECONDS} s while it got the functions' packages.",
            remedy="Check the network and pip's index with: pip config list",
        ) from error
    if done.returncode != 0:
        full = {int(number) for number in _ERRNO.findall(done.stderr)} & NO_ROOM
        if full:
            raise disk_error(OSError(full.pop(), ""), "Writing", target)
        lines = " ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        said = lines[-_LONGEST:] or f"exit code {done.returncode}"
        raise UnavailableError(
            f"pip could not get the functions' packages: {said}",
            remedy="Check the network and pip's index with: pip config list",
        )
