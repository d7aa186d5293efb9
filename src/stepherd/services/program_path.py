"""Where programs are looked for: never in the current folder, whose content may be anyone's."""

from __future__ import annotations

import os

__all__ = ["absolute_path"]


def absolute_path() -> str:
    """PATH without relative and empty entries."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if entry.startswith("/")) or os.defpath
