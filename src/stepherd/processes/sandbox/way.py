"""The way to what is mounted inside of a folder that a command of before could write."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from stepherd.processes.sandbox.view import Mount

__all__ = ["clear_way"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def clear_way(mounts: Iterable[Mount]) -> None:
    """Remove links, and whatever else is no folder, from the way to mounts inside of writable ones.

    bubblewrap makes the folders and files that it mounts on before it leaves this machine's root behind. It
    follows links meanwhile, so an agent could choose where in the person's home they are made.
    """
    writable: list[Mount] = []
    for mount in mounts:
        for above in writable:
            if above.target in mount.target.parents:
                _clear(above.origin, mount.target.relative_to(above.target), of_file=mount.origin.is_file())
        if mount.kind == "write":
            writable.append(mount)


def _clear(top: Path, way: Path, *, of_file: bool) -> None:
    *_, last = range(len(way.parts))
    with suppress(FileNotFoundError):
        here = os.open(top, _FOLDER)
        try:
            for number, name in enumerate(way.parts):
                wanted = stat.S_ISREG if of_file and number == last else stat.S_ISDIR
                if not wanted(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=here)
                    return
                if number < last:
                    inner = os.open(name, _FOLDER, dir_fd=here)
                    os.close(here)
                    here = inner
        finally:
            os.close(here)
