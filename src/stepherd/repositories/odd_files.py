"""Files in a workspace that git cannot hold, cannot read, or would wait for: found before git looks.

Nothing but the files' own kinds, names and modes is judged here. While git looks, pipes, sockets and devices
are out of its way (it opens some names, such as ``.gitignore``, whatever is there and waits), and lists that
it would read, but not in time, stand aside for shorter ones (``control_files``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepherd.repositories.control_files import ControlFiles, is_control
from stepherd.repositories.git import Git
from stepherd.repositories.git_names import imitates_modules
from stepherd.repositories.paths import is_within, with_parents
from stepherd.repositories.scan import Finding, What
from stepherd.repositories.set_aside import Aside
from stepherd.repositories.slow_patterns import check_attributes, list_new
from stepherd.services.folder_walk import FolderWalk, Found
from stepherd.text.plain import one_paragraph

__all__ = ["LARGE", "OddFiles", "settled"]

LARGE: Final = 32 << 20  # bytes
_LONGEST_PATH: Final = 4095  # bytes, the workspace's own path among them
_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_MOST_BYTES_OF_A_LETTER: Final = 4
_MOST_SHOWN: Final = 10


@dataclass(slots=True)
class OddFiles:
    """The findings in ``workspace``: by kind, and ``lists`` that git reads while it works."""

    workspace: Path
    lists: ControlFiles
    special: dict[str, str] = field(default_factory=dict)
    """Pipes, sockets and devices, and which of them each is. They hold nothing."""
    unrecordable: list[Finding] = field(default_factory=list)
    inner_git: list[str] = field(default_factory=list)
    """Everything that is called ``.git``, but for the workspace's own."""

    large: list[str] = field(default_factory=list)
    """Files of more than LARGE bytes, where no link leads to: whoever asks for sizes need not ask for all."""

    notes: list[str] = field(default_factory=list)
    """Remarks for the reader of a report, beside the findings."""

    def look(self) -> None:
        """Find them all, make readable what can be, and put aside what git must not open."""
        walk = FolderWalk(self.workspace)
        room = _LONGEST_PATH - len(os.fsencode(self.workspace)) - 1
        for found in walk:
            path = walk.prefix + found.name
            if len(path) * _MOST_BYTES_OF_A_LETTER > room and len(os.fsencode(path)) > room:
                found.enter = False
                self._leave(path, "unreadable", f"its path is longer than {_LONGEST_PATH} bytes")
            else:
                self._look_at(path, found)

    def _look_at(self, path: str, found: Found) -> None:
        # The agent's own repository: nothing of it is recorded as a file.
        of_git = path == ".git" or path.startswith(".git/")
        kind = stat.S_IFMT(found.mode)
        if kind in _KINDS:
            self.lists.put_aside(path, found.parent)
            if not of_git:
                self.special[path] = _KINDS[kind]
        elif kind == stat.S_IFLNK:
            if imitates_modules(found.name) and not of_git:
                self._leave(path, "forbidden name", "it is a link under the name of .gitmodules")
                self.lists.put_aside(path, found.parent)
        elif not found.is_readable():
            found.enter = False
            if not of_git:
                self._leave(path, "unreadable", "it cannot be read")
        elif kind == stat.S_IFREG and not of_git:
            if is_control(path):
                self.lists.add(path, found.facts)
            if found.facts is not None and found.facts.st_size > LARGE:
                self.large.append(path)
        if found.name == ".git" and not of_git:
            self.inner_git.append(path)

    def list_new(self, git: Git, tracked: Mapping[str, str]) -> list[str]:
        """List the files that are neither ignored nor in git's index, which must be the base's (``tracked``:
        path and blob); from here on git also gets along with all lists of attributes."""
        self.lists.settle(git, tracked)
        others = list_new(git, self.lists, self.inner_git)
        check_attributes(git, self.lists, tracked, others)
        return others

    def _leave(self, path: str, what: What, detail: str) -> None:
        self.unrecordable.append(Finding(path, None, what, detail))

    def judge(
        self, git: Git, tracked: Iterable[str], others: Iterable[str], apart: Iterable[str]
    ) -> list[Aside]:
        """Return the findings because of which the repository lacks something; others become ``notes``. Files
        that git ignores do not count.

        ``others`` are from ``list_new``, ``apart`` folders whose files are not the repository's.
        """
        below = {*apart, *(path.rstrip("/") for path in others if path.endswith("/"))}
        in_the_way = self._in_the_way(tracked)
        found = [
            *(Finding(path, None, "odd kind", f"it is {self.special[path]}") for path in in_the_way),
            *self.unrecordable,
            *(Finding(path, None, "nested repository", "it is called .git") for path in self.inner_git),
            *self.lists.findings,
        ]
        found = [each for each in found if not is_within(each.path, below)]
        rest = [path for path in self.special if path not in in_the_way and not is_within(path, below)]
        ignored = self._ignored(git, [*(each.path for each in found), *rest])
        rest = [path for path in rest if path not in ignored]
        self.notes += self.lists.notes
        self.notes += [
            f"{one_paragraph(path, 200)} is {self.special[path]}, which git cannot hold."
            for path in rest[:_MOST_SHOWN]
        ]
        if len(rest) > _MOST_SHOWN:
            self.notes.append(f"There are {len(rest) - _MOST_SHOWN:,} more pipes, sockets or devices.")
        return [
            Aside(each, contents=self.lists.kept_of(each.path)) for each in found if each.path not in ignored
        ]

    def _in_the_way(self, tracked: Iterable[str]) -> dict[str, None]:
        """Those that are where the base has something."""
        if not self.special:
            return {}
        places = {each for path in tracked for each in with_parents(path)}
        return {path: None for path in self.special if path in places}

    def _ignored(self, git: Git, paths: Iterable[str]) -> set[str]:
        asked = {_acceptable(path): path for path in paths}
        if not asked:
            return set()
        listing = "".join(f"{path}\0" for path in asked).encode("utf-8", "surrogateescape")
        finished = git.attempt("Looking for ignored files", "check-ignore", "-z", "--stdin", stdin=listing)
        out = finished.out.decode("utf-8", "surrogateescape") if finished.code == 0 else ""
        ignored = set(out.split("\0"))
        return {path for path in paths if _acceptable(path) in ignored}


def _acceptable(path: str) -> str:
    """The path, or as much of it as git takes."""
    while len(os.fsencode(path)) > _LONGEST_PATH:
        path = path.rpartition("/")[0]
    return path


@contextmanager
def settled(workspace: Path, aside: Path) -> Iterator[OddFiles]:
    """While this lasts, git can look at ``workspace``, of which this process must be the owner.

    Files that stand in its way are moved into the folder ``aside``, which is made, and put back at the end.
    """
    aside.mkdir()
    lists = ControlFiles(workspace, aside)
    odd = OddFiles(workspace, lists)
    try:
        odd.look()
        yield odd
    finally:
        lists.put_back()
