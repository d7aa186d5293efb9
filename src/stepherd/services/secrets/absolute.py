"""References to secrets in files of this machine, for whoever works in another folder."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["absolute_secret"]


def absolute_secret(reference: str) -> str:
    """A reference to a secret as seen from here, because a task has a folder of its own."""
    form, _, path = reference.partition(":")
    if form != "file" or not path or path.startswith("//"):
        return reference
    return f"file:{os.path.abspath(Path(path).expanduser())}"  # noqa: PTH100 - links stay
