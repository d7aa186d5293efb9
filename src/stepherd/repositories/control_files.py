"""Files that git reads while it works on others: lists of what is ignored, and of attributes.

An agent writes them as well. One that is longer than any real one, or whose patterns keep git busy for
minutes, would cost all of the work. So git sees less of it: of a list of what is ignored the lines that it
can follow in time, and in place of a list of attributes the one that the base has, with which the files can
be recorded. The first kind is recorded as it is, the second is not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepherd.repositories.filtered import open_inside
from stepherd.repositories.git import Git
from stepherd.repositories.git_names import other_name
from stepherd.repositories.scan import LARGEST_FILE, Finding
from stepherd.text.plain import one_paragraph

__all__ = ["IGNORE", "ControlFiles", "is_control"]

IGNORE: Final = ".gitignore"
_ATTRIBUTES, _MODULES = ".gitattributes", ".gitmodules"
_ENDS: Final = (IGNORE, _ATTRIBUTES, _MODULES)
_LARGEST_IGNORE: Final = 4 << 20  # bytes
_LARGEST_ATTRIBUTES: Final = 1 << 20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def is_control(path: str) -> bool:
    """Whether git reads what is at ``path`` while it works."""
    # By far most are not, and that is said soonest.
    return path.endswith(_ENDS) and (path == _MODULES or path.rpartition("/")[2] in (IGNORE, _ATTRIBUTES))


@dataclass(frozen=True, slots=True)
class _Moved:
    path: str
    kept: Path
    mode: int


@dataclass(slots=True)
class ControlFiles:
    """Those of ``workspace``; what git must not see of them, and other things, are in ``aside``."""

    workspace: Path
    aside: Path
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _moved: list[_Moved] = field(default_factory=list)
    _first_moved: dict[str, _Moved] = field(default_factory=dict)
    _shortened: dict[str, _Moved] = field(default_factory=dict)

    def add(self, path: str, facts: os.stat_result | None) -> None:
        """There is a readable file at ``path``."""
        self._sizes[path] = facts.st_size if facts is not None else 0

    def put_aside(self, path: str, parent: int) -> _Moved | None:
        """Move what is at ``path``, in the folder ``parent``, out of git's sight, if that can be done."""
        name, kept = path.rpartition("/")[2], self.aside / str(len(self._moved))
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            try:
                os.rename(name, kept, src_dir_fd=parent)
            except PermissionError:
                os.fchmod(parent, stat.S_IMODE(os.fstat(parent).st_mode) | stat.S_IRWXU)
                os.rename(name, kept, src_dir_fd=parent)
        except OSError:
            return None
        self._moved.append(_Moved(path, kept, mode))
        self._first_moved.setdefault(path, self._moved[-1])
        return self._moved[-1]

    def put_aside_by_path(self, path: str) -> _Moved | None:
        """The same for what is found by its path."""
        try:
            parent = _open_folder(self.workspace, path)
        except OSError:
            return None
        try:
            return self.put_aside(path, parent)
        finally:
            os.close(parent)

    def put_back(self) -> None:
        """Make the workspace what it was, but for what cannot be moved."""
        for each in reversed(self._moved):
            with suppress(OSError):
                parent = _open_folder(self.workspace, each.path)
                try:
                    os.replace(each.kept, each.path.rpartition("/")[2], dst_dir_fd=parent)
                finally:
                    os.close(parent)
        self._moved.clear()
        self._first_moved.clear()

    def settle(self, git: Git, tracked: Mapping[str, str]) -> None:
        """Let git see what the base has (``tracked``: path and blob) where it could not use what is there,
        and no list that is too long."""
        for each in [*self._moved]:
            if each.path in tracked and is_control(each.path):
                self._write(each.path, _blob(git, tracked[each.path]))
        for path, size in self._sizes.items():
            name = path.rpartition("/")[2]
            if name == IGNORE and size > _LARGEST_IGNORE:
                self._shorten(path, lambda _line: True)
                self.notes.append(f"Git only followed the first 4 MiB of {_shown(path)}.")
                if size > LARGEST_FILE:
                    what = f"its {size / 1e6:.0f} MB are more than 100 MB"
                    self.findings.append(Finding(path, None, "too large", what))
            elif name == _ATTRIBUTES and size > _LARGEST_ATTRIBUTES and self._is_new(git, path, tracked):
                self.use_base(git, path, tracked, "it is a list of attributes of more than 1 MiB")

    def ease(self, may_follow: Callable[[bytes], bool]) -> bool:
        """Of every list of what is ignored, let git see only lines that it ``may_follow``; whether any has
        others."""
        paths = [path for path in self._sizes if path.rpartition("/")[2] == IGNORE]
        return any([self._shorten(path, may_follow) for path in paths])  # noqa: C419 - all of them

    def changed_attributes(
        self, git: Git, tracked: Mapping[str, str], among: Callable[[bytes], bool]
    ) -> list[str]:
        """Lists of attributes that the base has not, or not so; ``among`` which, what is in them decides."""
        return [
            path
            for path in self._sizes
            if path.rpartition("/")[2] == _ATTRIBUTES
            and among(self._text(self.workspace, path, _LARGEST_ATTRIBUTES))
            and self._is_new(git, path, tracked)
        ]

    def use_base(self, git: Git, path: str, tracked: Mapping[str, str], reason: str) -> None:
        """Put in place of the list at ``path`` the one of the base, and leave it out, for ``reason``."""
        if self.put_aside_by_path(path) is not None and path in tracked:
            self._write(path, _blob(git, tracked[path]))
        self.findings.append(Finding(path, None, "refused by git", reason))

    def kept_of(self, path: str) -> Mapping[str, Path]:
        """Where the list lies that was at ``path`` and is left out, by a name under which git holds it."""
        moved = self._first_moved.get(path)
        return {} if moved is None or not stat.S_ISREG(moved.mode) else {other_name(path): moved.kept}

    def enter(self, git: Git, recorded: Collection[str]) -> None:
        """Put the whole of the shortened lists into the index, of those that are ``recorded``."""
        for path, moved in self._shortened.items():
            if path not in recorded or any(finding.path == path for finding in self.findings):
                continue
            words = ("hash-object", "-w", "--no-filters", "--stdin")
            with moved.kept.open("rb") as file:
                blob = git.run("Reading a list", *words, stdin=file)
            mode = "100755" if moved.mode & stat.S_IXUSR else "100644"
            line = f"{mode} {blob}\t{path}\0".encode("utf-8", "surrogateescape")
            git.run("Entering a list", "update-index", "-z", "--add", "--index-info", stdin=line)

    def _shorten(self, path: str, may_follow: Callable[[bytes], bool]) -> bool:
        whole = self._text(self.workspace, path, _LARGEST_IGNORE)
        lines = whole.splitlines(keepends=True)
        kept = [line for line in lines if may_follow(line.rstrip(b"\r\n"))]
        if len(kept) == len(lines) and self._sizes[path] <= _LARGEST_IGNORE:
            return False
        if path in self._shortened:
            parent = _open_folder(self.workspace, path)
            try:
                os.unlink(path.rpartition("/")[2], dir_fd=parent)
            finally:
                os.close(parent)
        else:
            moved = self.put_aside_by_path(path)
            if moved is None:
                return False
            self._shortened[path] = moved
        self._write(path, b"".join(kept))
        return True

    def _is_new(self, git: Git, path: str, tracked: Mapping[str, str]) -> bool:
        if path not in tracked or (file := open_inside(self.workspace, path)) is None:
            return True
        with file:
            return (
                git.run("Reading a list", "hash-object", "--no-filters", "--stdin", stdin=file)
                != tracked[path]
            )

    @staticmethod
    def _text(folder: Path, path: str, most: int) -> bytes:
        """The content of a file, up to the last whole line of the first ``most`` bytes."""
        file = open_inside(folder, path)
        if file is None:
            return b""
        with file:
            text = file.read(most + 1)
        return text if len(text) <= most else text[: text.rfind(b"\n", 0, most) + 1]

    def _write(self, path: str, text: bytes) -> None:
        with suppress(OSError):
            parent = _open_folder(self.workspace, path)
            try:
                handle = os.open(path.rpartition("/")[2], _NEW, 0o644, dir_fd=parent)
            finally:
                os.close(parent)
            with os.fdopen(handle, "wb") as file:
                file.write(text)


def _shown(path: str) -> str:
    return one_paragraph(path, 200)


def _blob(git: Git, blob: str) -> bytes:
    return git.run("Reading the base", "cat-file", "blob", blob).encode("utf-8", "surrogateescape") + b"\n"


def _open_folder(top: Path, path: str) -> int:
    """The folder of ``path`` below ``top``, for which no link is followed."""
    handle = os.open(top, _FOLDER)
    try:
        for part in path.split("/")[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
    except OSError:
        os.close(handle)
        raise
    return handle
