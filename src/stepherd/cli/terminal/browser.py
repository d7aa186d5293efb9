"""Opening a page in the browser of the person at this terminal, if there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from stepherd.errors import UsageError
from stepherd.logins.hosts import check_verification_uri
from stepherd.services.file_modes import umask_of_user

__all__ = ["can_open", "open_own_page", "open_page"]

_LOCAL = ("DISPLAY", "WAYLAND_DISPLAY")
_REMOTE = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")


def can_open(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a browser can show itself to the person at this machine.

    Not in CI, nor over SSH without a display; and a browser that would take this terminal does not count.
    """
    if environment.get("CI", "").lower() not in {"", "0", "false"}:
        return False
    if any(environment.get(name) for name in (*_LOCAL, "BROWSER")):
        return True
    if any(environment.get(name) for name in _REMOTE):
        return False
    return platform == "darwin"


def open_page(url: str) -> bool:
    """Open the page of a login; false for an address that is not one of an identity provider."""
    try:
        check_verification_uri(url)
    except UsageError:
        return False
    open_own_page(url)
    return True


def open_own_page(url: str) -> None:
    """Open a page whose address was made here, in a process of its own that writes nowhere."""
    nowhere = subprocess.DEVNULL
    command = [sys.executable, "-P", "-m", "webbrowser", "-t", url]
    process = subprocess.Popen(
        command,
        stdin=nowhere,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
        umask=umask_of_user(),
    )
    process.returncode = process.returncode or 0  # It ends by itself, and need not be waited for.
