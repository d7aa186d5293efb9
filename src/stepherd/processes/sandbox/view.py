"""The view of this machine from a sandbox: which paths, how, and which network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

__all__ = ["Mount", "Network", "View", "find_program", "hops"]

Network = Literal["on", "off", "proxy"]
"""``on``: this machine's; ``off``: a loopback interface of its own; ``proxy``: that, and listeners on it."""
_MOST_HOPS: Final = 40
_LONGEST_SHEBANG: Final = 256


@dataclass(frozen=True, slots=True)
class Mount:
    """One path inside, and where it comes from."""

    target: Path
    kind: Literal["read", "write", "link", "memory", "hidden"]
    """``memory``: an empty folder that may be written; ``hidden``: an empty folder over what is there."""
    source: Path | None = None
    """The path outside; for a link, what it says. None: the target's own path."""

    @property
    def origin(self) -> Path:
        """The path outside the sandbox."""
        return self.source or self.target


@dataclass(frozen=True, slots=True)
class View:
    """A whole sandbox. Later mounts cover earlier ones; what is never mounted is not there."""

    mounts: tuple[Mount, ...]
    folder: Path
    """Where the command starts."""
    network: Network = "on"
    variables: dict[str, str] = field(default_factory=dict)
    """By which tools find what belongs to them, now that HOME is another folder."""

    def shows(self, path: Path) -> bool:
        """Whether ``path``, without following its last link, is the same file inside as it is outside."""
        return shown_by(self.mounts, path)


def shown_by(mounts: Iterable[Mount], path: Path) -> bool:
    """Whether the last of ``mounts`` that covers ``path`` puts the same file there."""
    shown = False
    within = f"{path}/"
    for mount in mounts:
        if within.startswith(
            f"{mount.target}/"
        ):  # Many are asked for: Path.parents would take most of the time.
            shown = mount.kind == "link" or (mount.kind in ("read", "write") and mount.source is None)
    return shown


def hops(path: Path) -> Iterator[Path]:
    """``path``, and what it leads to: the targets of its links one by one, and of a script its interpreter.

    Ends where a file is missing, and after 40 hops.
    """
    waiting = [path]
    seen: set[Path] = set()
    while waiting and len(seen) < _MOST_HOPS:
        here = waiting.pop(0)
        if here in seen:
            continue
        seen.add(here)
        yield here
        waiting += _next(here)


def _next(path: Path) -> list[Path]:
    try:
        parent = Path(os.path.realpath(path.parent))
        if path.is_symlink():
            return [Path(os.path.normpath(parent / path.readlink()))]
        found = [] if parent == path.parent else [parent / path.name]
        if path.is_file():
            with path.open("rb") as file:
                first = file.readline(_LONGEST_SHEBANG)
            words = first[2:].split() if first.startswith(b"#!") else []
            if words and words[0].startswith(b"/"):
                found.append(Path(os.fsdecode(words[0])))
    except OSError:
        return []
    return found


def find_program(program: str, path: str, view: View | None = None) -> Path | None:
    """The first file of that name on ``path`` that can be executed; with ``view``, as seen from inside it.

    A program with a slash is looked for nowhere else.
    """
    candidates = [Path(program)] if "/" in program else [Path(d, program) for d in path.split(":") if d]
    for candidate in candidates:
        usable = os.access(candidate, os.X_OK) and candidate.is_file()
        if usable and (view is None or all(view.shows(hop) for hop in hops(candidate))):
            return candidate
    return None
