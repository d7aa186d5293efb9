"""Asking a program for its version, within bounds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from stepherd.errors import NotFoundError, StepherdError, TemporaryError
from stepherd.services.file_modes import umask_of_user

__all__ = ["version_of"]

_SECONDS: Final = 5.0
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]*")
_MOST_BYTES: Final = 4096


def version_of(program: str, path: str, home: Path) -> str | None:
    """The version of ``program`` on ``path``; None when it says none. ``home`` is all that it can write to.

    Raises NotFoundError when it is not there or cannot be started, TemporaryError when it does not answer
    within five seconds, StepherdError when it fails.
    """
    found = shutil.which(program, path=path)
    if found is None:
        raise NotFoundError(f"There is no program '{program}'.")
    environment = {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "NO_COLOR": "1", "CI": "1"}
    try:
        child = subprocess.Popen(
            [found, "--version"],
            env={**environment, "DISABLE_AUTOUPDATER": "1"},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=umask_of_user(),
        )
    except OSError as error:
        raise NotFoundError(f"'{program}' cannot be started: {error.strerror}.") from error
    with child:
        try:
            said = child.communicate(timeout=_SECONDS)[0]
        except subprocess.TimeoutExpired:
            # Its children, too: one of them may hold the pipe, and we would wait for it.
            os.killpg(child.pid, signal.SIGKILL)
            raise TemporaryError(f"'{program}' did not report its version within {_SECONDS:g} s.") from None
    if child.returncode != 0:
        raise StepherdError(f"'{program} --version' ended with exit code {child.returncode}.")
    version = _VERSION.search(said[:_MOST_BYTES].decode("utf-8", "replace"))
    return version[0] if version else None
