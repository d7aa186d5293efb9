"""Ways in that processes open: listening sockets, pipes and sockets with a name. Linux alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Listener", "family_of", "listening_sockets", "named_pipes"]

_LISTENING = "0A"
_ACCEPTS = 0x10000
"""The flag of a listening Unix socket (__SO_ACCEPTCON)."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes connections; ``kind`` is tcp, udp, … or unix, ``address`` as /proc/net shows it."""

    pid: int
    kind: str
    address: str


def family_of(mark: str) -> set[int]:
    """The processes whose command line or working folder names ``mark``, and all that descend from them."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_text() + str((folder / "cwd").readlink())
            if mark in words and int(folder.name) != os.getpid():
                found.add(int(folder.name))
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening_sockets(pids: Collection[int]) -> list[Listener]:
    """Every socket of these processes that others may connect or send to."""
    found = []
    for pid in pids:
        with suppress(OSError):
            inodes = {_inode(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
            found += [
                Listener(pid, kind, address)
                for inode, kind, address in _open_to_others(pid)
                if inode in inodes
            ]
    return found


def named_pipes(pids: Collection[int]) -> list[str]:
    """The paths of the named pipes that these processes have open."""
    found = []
    for pid in pids:
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    path = str(entry.readlink())
                    if path.startswith("/") and stat.S_ISFIFO(entry.stat().st_mode):
                        found.append(path)
    return found


def _inode(entry: Path) -> str:
    with suppress(OSError):
        words = str(entry.readlink())
        if words.startswith("socket:["):
            return words[8:-1]
    return ""


def _open_to_others(pid: int) -> list[tuple[str, str, str]]:
    found = []
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in _rows(pid, name):
            fields = line.split()
            bound = name.startswith("tcp") is False and fields[1].rpartition(":")[2] != "0000"
            if fields[3] == _LISTENING or bound:
                found.append((fields[9], name, fields[1]))
    for line in _rows(pid, "unix"):
        fields = line.split()
        if int(fields[3], 16) & _ACCEPTS or len(fields) > 7:
            found.append((fields[6], "unix", fields[7] if len(fields) > 7 else ""))
    return found


def _rows(pid: int, name: str) -> list[str]:
    path = Path(f"/proc/{pid}/net/{name}")
    return path.read_text().splitlines()[1:] if path.exists() else []
