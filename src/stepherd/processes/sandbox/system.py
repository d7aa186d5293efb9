"""The parts of the system itself that a sandbox shows, read-only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stepherd.processes.sandbox.view import Mount, Network, hops, shown_by

__all__ = ["system_mounts"]

_PROGRAMS: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_MORE: Final = ("opt", "nix", "gnu", "snap")
_RESOLVER: Final = Path("/etc/resolv.conf")
_SHARED: Final = ("", "run", "var", "home", "tmp", "mnt")


def system_mounts(network: Network, root: Path = Path("/")) -> tuple[Mount, ...]:
    """Programs, libraries and settings of the machine; with its network also what names are resolved by.

    ``root`` is the folder that is looked at; the mounts are named from there.
    """
    mounts = [Mount(root / "usr", "read"), Mount(root / "etc", "read")]
    for name in _PROGRAMS:
        path = root / name
        if path.is_symlink():
            mounts.append(Mount(path, "link", path.readlink()))
        elif path.is_dir():
            mounts.append(Mount(path, "read"))
    mounts += [Mount(root / name, "read") for name in _MORE if (root / name).is_dir()]
    mounts += [
        Mount(root / "run", "memory"),
        Mount(root / "var/run", "link", Path("../run")),
    ]
    if network == "on":
        mounts += _resolver(mounts, root)
    return tuple(mounts)


def _resolver(shown: list[Mount], root: Path) -> Iterator[Mount]:
    """The folders that resolv.conf leads into; else a link to nowhere is left, and no name is found.

    Only where the network is the machine's own: such a folder may hold the resolver's socket, by which names
    could be asked for in spite of a network that is off.
    """
    shared = {root / name for name in _SHARED}
    for hop in hops(root / _RESOLVER.relative_to("/")):
        real = Path(os.path.realpath(hop.parent)) / hop.name
        if real.exists() and not shown_by(shown, real):
            yield Mount(real if real.parent in shared else real.parent, "read")
