"""Git's conversions between a file's bytes and its stored form, kept from changing files by themselves.

Attributes (gitattributes: text, eol, ident, working-tree-encoding) convert a file at the checkout, and back
when it is added. One is not always the reverse of the other: a file that is stored with CRLF and marked as
text would be added with LF, though no one has touched it. A path that git finds changed is judged by itself:

- a file with the bytes that the checkout of the base gave is unchanged, whatever any attribute says;
- a new file, and one that the base stores in the form that git would give it, is stored as git would do it;
- one that the base stores in another form, or that git cannot convert, is stored with the bytes that it has.

Filters never run: the repository that is used here names none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.large_files import blob_sizes
from stepherd.repositories.raw_changes import RawChange, list_staged_changes
from stepherd.services.removal import remove_tree

__all__ = ["added_safely", "as_they_are", "ids_of_files", "restore_unconverted", "settle_conversions"]

_ENCODING: Final = "working-tree-encoding"
_ATTRIBUTES: Final = ("text", "eol", "crlf", "ident", _ENCODING)
_NO_ENCODING: Final = "* !working-tree-encoding -filter\n"
_NOTHING: Final = "-text !eol !crlf -ident !working-tree-encoding -filter\n"
_NAME: Final = ".gitattributes"
_FILES: Final = frozenset({"100644", "100755"})
_MOST_FAILURES: Final = 20


@contextmanager
def added_safely(git: Git, unconverted: Iterable[str] = ()) -> Iterator[None]:
    """While this lasts, ``git add`` converts only what cannot fail (ends of lines, idents), and runs nothing.

    The files ``unconverted``, and those in other encodings, are stored as they are. ``git.git_dir`` must
    be private: its own attributes count before those of the tree.
    """
    lines = [f"{_pattern(path)} {_NOTHING}" for path in unconverted]
    with _own_attributes(git, "".join([_NO_ENCODING, *lines])):
        yield


@contextmanager
def as_they_are(git: Git) -> Iterator[None]:
    """While this lasts, git converts nothing. ``git.git_dir`` must be private."""
    with _own_attributes(git, f"* {_NOTHING}"):
        yield


def ids_of_files(git: Git, folder: Path, paths: Iterable[str]) -> dict[str, str | None]:
    """The ids under which git would store these files as they are; nothing is stored."""
    return _hash(git, folder, paths, "--no-filters")


@contextmanager
def _own_attributes(git: Git, text: str) -> Iterator[None]:
    own = git.git_dir / "info" / "attributes"
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(_encoded(text))
    try:
        yield
    finally:
        own.unlink()


def settle_conversions(git: Git, workspace: Path, base: str, unconverted: Iterable[str] = ()) -> None:
    """Correct the index, to which the files of ``workspace`` were ``added_safely``."""
    changes = list_staged_changes(git, base)
    if not any(_is_attributes(change.path) for change in changes) and not _attribute_files(git):
        return
    files = {change.path: change for change in changes if change.mode in _FILES}
    _Settlement(git, workspace, base, files, frozenset(unconverted)).settle()


def restore_unconverted(git: Git, workspace: Path, base: str, commit: str) -> None:
    """Of the files in which ``commit`` differs from ``base``, and which git has just checked out, write those
    that would be recorded as something else with the bytes that are stored: then they are recorded as before.
    """
    listing = "".join(
        f"{change.path}\0" for change in list_staged_changes(git, base) if change.mode in _FILES
    )
    with added_safely(git):
        git.run("Looking at the files", "update-index", "-z", "--stdin", stdin=_encoded(listing))
    settle_conversions(git, workspace, base)
    other = [change.path for change in list_staged_changes(git, commit)]
    git.run("Reading the changes", "read-tree", "--end-of-options", commit)
    with as_they_are(git):
        _check_out(git, other)


def _is_attributes(path: str) -> bool:
    return path.rpartition("/")[2] == _NAME


def _attribute_files(git: Git) -> list[str]:
    out = git.run("Looking for attributes", "ls-files", "-z", "--", f":(top,glob)**/{_NAME}")
    return [path for path in out.split("\0") if path]


@dataclass(frozen=True, slots=True)
class _Settlement:
    git: Git
    workspace: Path
    base: str
    files: Mapping[str, RawChange]
    """The changed ones, with the ids by which they are in the index."""
    unconverted: frozenset[str]

    def settle(self) -> None:
        now = _set(self.git, [*self.files])
        encoded = [path for path in now if _ENCODING in now[path] and path not in self.unconverted]
        stored = {path: change.object_id for path, change in self.files.items()}
        # Where git cannot convert, _hash has None, and the bytes are stored below.
        converted = _hash(self.git, self.workspace, encoded, "-w")
        stored |= {path: found for path, found in converted.items() if found}
        of_base = [path for path, change in self.files.items() if change.old_mode in _FILES]
        doubtful = {*self._converted_by_the_checkout(of_base), *self._shorter(now, of_base)}
        doubtful |= {path for path in encoded if path in of_base or converted[path] is None}
        raw = _hash(self.git, self.workspace, doubtful, "-w", "--no-filters")
        unchanged, normal = self._against_the_base(raw, [path for path in of_base if path in doubtful])
        for path in doubtful:
            if path in unchanged:
                stored[path] = self.files[path].old_id
            elif (path in of_base and path not in normal) or converted.get(path, "") is None:
                stored[path] = str(raw[path])
        self._correct({path: found for path, found in stored.items() if found != self.files[path].object_id})

    def _shorter(self, now: Iterable[str], paths: Iterable[str]) -> list[str]:
        """Which files git has converted: lines end with a byte less, an ident loses its id."""
        asked = [path for path in paths if path in now]
        sizes = blob_sizes(self.git, [self.files[path].object_id for path in asked])
        return [
            path
            for path in asked
            if sizes[self.files[path].object_id] != (self.workspace / path).lstat().st_size
        ]

    def _converted_by_the_checkout(self, paths: Sequence[str]) -> set[str]:
        """Of files that the base has: those to which its checkout may have given other bytes."""
        if not paths:
            return set()
        words = ("read-tree", "--end-of-options", self.base)
        self.git.run("Reading the base", *words, environment=self._base_index)
        found = _set(self.git, paths, "--cached", environment=self._base_index)
        return {path for path, values in found.items() if values.keys() - {"text", "crlf"}}

    def _against_the_base(
        self, raw: Mapping[str, str | None], paths: Sequence[str]
    ) -> tuple[set[str], set[str]]:
        """The files that have the bytes that the checkout gave, and those for which git would store what the
        checkout gave as the base does."""
        if not paths:
            return set(), set()
        folder = self.git.scratch / "checkout"
        folder.mkdir()
        there = self.git.within(self.git.git_dir, folder)
        _check_out(there, paths, self._base_index)
        given = _hash(there, folder, paths, "--no-filters")
        unchanged = {path for path in paths if given[path] == raw[path]}
        rest = [path for path in paths if path not in unchanged and path not in self.unconverted]
        own = _hash(there, folder, [path for path in rest if _is_attributes(path)])
        _check_out(there, _attribute_files(self.git))
        again = _hash(there, folder, rest) | own
        remove_tree(folder)
        return unchanged, {path for path in rest if again[path] in (None, self.files[path].old_id)}

    @property
    def _base_index(self) -> dict[str, str]:
        return {"GIT_INDEX_FILE": str(self.git.scratch / "base.index")}

    def _correct(self, ids: Mapping[str, str]) -> None:
        if ids:
            listing = "".join(f"{self.files[path].mode} {found}\t{path}\0" for path, found in ids.items())
            self.git.run("Correcting", "update-index", "-z", "--index-info", stdin=_encoded(listing))


def _set(
    git: Git, paths: Sequence[str], *options: str, environment: Mapping[str, str] | None = None
) -> dict[str, dict[str, str]]:
    """For each path that has any: the attributes by which git converts, and their values."""
    if not paths:
        return {}
    listing = "".join(f"{path}\0" for path in paths)
    arguments = ("check-attr", "-z", "--stdin", *options, *_ATTRIBUTES)
    out = git.run("Reading attributes", *arguments, stdin=_encoded(listing), environment=environment)
    fields = out.split("\0")
    found: dict[str, dict[str, str]] = {}
    for path, name, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
        if value not in {"unspecified", "unset"}:
            found.setdefault(path, {})[name] = value
    return found


def _check_out(git: Git, paths: Iterable[str], environment: Mapping[str, str] | None = None) -> None:
    listing = "".join(f"{path}\0" for path in paths)
    # Git complains of a blob that it cannot convert, and checks it out as it is: so it did for the clone.
    arguments = ("checkout-index", "--force", "--quiet", "-z", "--stdin")
    git.attempt("Checking out", *arguments, stdin=_encoded(listing), environment=environment)


def _hash(git: Git, folder: Path, paths: Iterable[str], *options: str) -> dict[str, str | None]:
    """The ids under which git would store the files, and with -w does; None where it cannot convert one."""
    waiting, found, failures = list(paths), dict[str, str | None](), 0
    while waiting and failures < _MOST_FAILURES:
        listing = "".join(f"{_quoted(path)}\n" for path in waiting)
        arguments = ("-C", str(folder), "hash-object", *options, "--stdin-paths")
        finished = git.attempt("Reading files", *arguments, stdin=_encoded(listing))
        ids = finished.out.decode("ascii").split()
        found.update(zip(waiting, ids, strict=False))
        waiting = waiting[len(ids) :]
        if waiting:
            found[waiting.pop(0)] = None
            failures += 1
    return found | dict.fromkeys(waiting, None)


def _pattern(path: str) -> str:
    """The pattern of gitattributes for this one path."""
    return _in_quotes("/" + re.sub(r"([\\*?\[])", r"\\\1", path))


def _quoted(path: str) -> str:
    """As git reads names by lines: in quotes, like C, where it would read another name."""
    return _in_quotes(path) if any(letter in '"\\' or letter < " " for letter in path) else path


def _in_quotes(text: str) -> str:
    return '"' + "".join(f"\\{ord(x):03o}" if x in '"\\' or x < " " else x for x in text) + '"'


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
