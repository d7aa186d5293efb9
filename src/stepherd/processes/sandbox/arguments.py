"""A view as the arguments of bubblewrap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepherd.processes.sandbox.view import Mount, View

__all__ = ["bubblewrap_arguments"]

_SMALL: Final = str(64 << 20)
_SHARED_MEMORY: Final = str(512 << 20)
_BASE: Final = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL"),
    # The supervisor's death ends it. Without a session of its own it could type into our terminal (TIOCSTI).
    *("--die-with-parent", "--new-session"),
)


def bubblewrap_arguments(view: View, status: int, release: int) -> list[str]:
    """All arguments but the command. ``status`` gets what bubblewrap reports; nothing runs before there is
    something to read from ``release``.

    Every folder in memory has a limit, and what lies between mounts cannot be written: no memory is to be
    had by writing into it.
    """
    arguments = [*_BASE, *(["--unshare-net"] if view.network != "on" else [])]
    arguments += ["--json-status-fd", str(status), "--block-fd", str(release)]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--size", _SHARED_MEMORY, "--tmpfs", "/dev/shm"]  # noqa: S108
    arguments += ["--remount-ro", "/dev"]
    for mount in view.mounts:
        arguments += _words(mount)
    for mount in view.mounts:
        if mount.kind == "hidden":  # Only now: there may be mounts below it.
            arguments += ["--remount-ro", str(mount.target)]
    return [*arguments, "--remount-ro", "/", "--chdir", str(view.folder)]


def _words(mount: Mount) -> Iterator[str]:
    target, origin = str(mount.target), str(mount.origin)
    if mount.kind == "link":
        yield from ("--symlink", origin, target)
    elif mount.kind in ("memory", "hidden"):
        yield from ("--size", _SMALL, "--tmpfs", target)
    else:
        yield from ("--ro-bind" if mount.kind == "read" else "--bind", origin, target)
