"""The program ``bwrap``: the system's, never one that an agent could have put into the way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

__all__ = ["find_bubblewrap"]


def find_bubblewrap(path: str | None = None, *, beware: Iterable[Path] = ()) -> Path | None:
    """The first ``bwrap`` on ``path`` (default: PATH) that lies in none of the folders ``beware``, nor leads
    into one; an entry of PATH that is relative is skipped."""
    forbidden = [Path(os.path.realpath(folder)) for folder in beware]
    for entry in (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep):
        found = shutil.which("bwrap", path=entry) if Path(entry).is_absolute() else None
        if found is None:
            continue
        forms = (Path(os.path.realpath(found)), Path(os.path.realpath(entry)) / "bwrap")
        if not any(form.is_relative_to(folder) for form in forms for folder in forbidden):
            return forms[0]
    return None
