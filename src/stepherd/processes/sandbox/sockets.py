"""Sockets of the machine that lie in folders which a sandbox shows.

That a folder is read-only keeps no one from connecting to a socket in it, and a socket with a name is in
reach of every network: the daemon behind it may do what the sandbox may not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from stepherd.processes.sandbox.view import Mount, shown_by

__all__ = ["covers_of_sockets"]

_TABLE: Final = Path("/proc/net/unix")
_NOTHING: Final = Path("/dev/null")
_BESIDE: Final = (".pid", ".lock")


def covers_of_sockets(mounts: Iterable[Mount], table: Path = _TABLE) -> Iterator[Mount]:
    """Mounts that cover the sockets which ``mounts`` would show; ``table`` is the kernel's list of them.

    A folder that is there for them alone is covered whole: its daemon may begin again, and makes another. A
    socket that comes later, or was made in another network than this process's, is not known here.
    """
    shown = list(mounts)
    for path in sorted(_named(table)):
        real = Path(os.path.realpath(path.parent)) / path.name
        if not _is_socket(real) or not shown_by(shown, real):
            continue
        whole = _holds_nothing_else(real.parent)
        cover = Mount(real.parent, "hidden") if whole else Mount(real, "read", _NOTHING)
        shown.append(cover)
        yield cover


def _named(table: Path) -> set[Path]:
    """The sockets that have a name in the file system. Its columns: num, references, protocol, flags, type,
    state, inode, name (proc_net(5)); the name may hold spaces."""
    try:
        lines = os.fsdecode(table.read_bytes()).splitlines()[1:]
    except OSError:
        return set()
    words = (line.split(maxsplit=7) for line in lines)
    return {Path(each[7]) for each in words if len(each) == 8 and each[7].startswith("/")}


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False


def _holds_nothing_else(folder: Path) -> bool:
    try:
        return all(entry.suffix in _BESIDE or _is_socket(entry) for entry in folder.iterdir())
    except OSError:
        return False
