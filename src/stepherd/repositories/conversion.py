"""What git converts between a file's bytes and what it stores, kept from changing what no one has changed.

Attributes (gitattributes: text, eol, ident, working-tree-encoding) convert a file at the checkout, and back
when it is added. One is not always the reverse of the other: a file that is stored with CRLF and marked as
text would be added with LF, though no one has touched it. So files are added as they are, and then, path by
path:

- the bytes that the checkout of the base gave: unchanged, whatever any attribute says;
- a file that the base stores in the form that git would give it, and a new one: as git would store it;
- a file that the base stores in another form, or that git cannot convert: the bytes that it has now.

Filters never run: the repository that is used here names none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.raw_changes import RawChange, list_staged_changes

__all__ = ["restore_unconverted", "settle_conversions", "stored_as_they_are"]

_AS_THEY_ARE: Final = "* -text !eol !crlf -ident !working-tree-encoding -filter\n"
_ATTRIBUTES: Final = ("text", "eol", "crlf", "ident", "working-tree-encoding")
_NAME: Final = ".gitattributes"
_FILES: Final = frozenset({"100644", "100755"})
_LARGEST: Final = 32 << 20  # bytes; git converts in memory
_MOST_FAILURES: Final = 20


@contextmanager
def stored_as_they_are(git: Git) -> Iterator[None]:
    """While this lasts, ``git add`` stores the bytes of files, whatever their attributes.

    ``git.git_dir`` must be private: its own attributes count before those of the tree.
    """
    own = git.git_dir / "info" / "attributes"
    own.parent.mkdir(exist_ok=True)
    own.write_text(_AS_THEY_ARE, encoding="ascii")
    try:
        yield
    finally:
        own.unlink()


def settle_conversions(git: Git, workspace: Path, base: str) -> None:
    """Correct the index, in which the files of ``workspace`` were ``stored_as_they_are``."""
    changes = list_staged_changes(git, base)
    if not any(_is_attributes(change.path) for change in changes) and not _attribute_files(git):
        return
    files = [change for change in changes if change.mode in _FILES]
    _Settlement(git, workspace, base).settle(files)


def restore_unconverted(git: Git, workspace: Path, base: str, commit: str) -> None:
    """Of the files in which ``commit`` differs from ``base``, and which git has just checked out, write those
    that would be recorded as something else with the bytes that are stored: then they are recorded as before.
    """
    listing = "".join(
        f"{change.path}\0" for change in list_staged_changes(git, base) if change.mode in _FILES
    )
    with stored_as_they_are(git):
        git.run("Looking at the files", "update-index", "-z", "--stdin", stdin=_encoded(listing))
    settle_conversions(git, workspace, base)
    other = [change.path for change in list_staged_changes(git, commit)]
    git.run("Reading the changes", "read-tree", "--end-of-options", commit)
    with stored_as_they_are(git):
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

    def settle(self, changes: Sequence[RawChange]) -> None:
        now = _set(self.git, [change.path for change in changes])
        before = self._converted_by_the_checkout(changes)
        touched = {change.path: change for change in changes if change.path in now or change.path in before}
        small = [path for path in touched if (self.workspace / path).lstat().st_size <= _LARGEST]
        cleaned = _hash(self.git, self.workspace, [path for path in small if path in now])
        other = {path for path, found in cleaned.items() if found not in (None, touched[path].object_id)}
        old = [path for path, change in touched.items() if change.old_mode in _FILES]
        doubtful = [path for path in old if path in before or path in other]
        unchanged, normal = self._against_the_base({path: touched[path] for path in doubtful})
        ids = {path: touched[path].old_id for path in unchanged}
        for path in other - unchanged:
            if touched[path].old_mode not in _FILES or path in normal:
                ids[path] = str(cleaned[path])
        self._correct({path: (touched[path].mode, found) for path, found in ids.items()})

    def _converted_by_the_checkout(self, changes: Sequence[RawChange]) -> set[str]:
        """Of files that the base has: those to which its checkout may have given other bytes."""
        old = [change.path for change in changes if change.old_mode in _FILES]
        if not old:
            return set()
        self.git.run(
            "Reading the base", "read-tree", "--end-of-options", self.base, environment=self._base_index
        )
        found = _set(self.git, old, "--cached", environment=self._base_index)
        return {path for path, values in found.items() if values.keys() - {"text", "crlf"}}

    def _against_the_base(self, files: Mapping[str, RawChange]) -> tuple[set[str], set[str]]:
        """The files that have the bytes that the checkout gave, and those for which git would store what the
        checkout gave as the base does."""
        if not files:
            return set(), set()
        folder = self.git.scratch / "checkout"
        folder.mkdir()
        there = self.git.within(self.git.git_dir, folder)
        _check_out(there, files, self._base_index)
        given = _hash(there, folder, files, "--no-filters")
        unchanged = {path for path, change in files.items() if given[path] == change.object_id}
        own = _hash(there, folder, [path for path in files if _is_attributes(path)])
        _check_out(there, _attribute_files(self.git))
        again = _hash(there, folder, files) | own
        return unchanged, {path for path, change in files.items() if again[path] in (None, change.old_id)}

    @property
    def _base_index(self) -> dict[str, str]:
        return {"GIT_INDEX_FILE": str(self.git.scratch / "base.index")}

    def _correct(self, entries: Mapping[str, tuple[str, str]]) -> None:
        if entries:
            listing = "".join(f"{mode} {found}\t{path}\0" for path, (mode, found) in entries.items())
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
    """The ids under which git stores the files, which it does; None where it cannot convert one."""
    waiting, found, failures = list(paths), dict[str, str | None](), 0
    while waiting and failures < _MOST_FAILURES:
        listing = "".join(f"{_quoted(path)}\n" for path in waiting)
        arguments = ("-C", str(folder), "hash-object", "-w", *options, "--stdin-paths")
        finished = git.attempt("Reading files", *arguments, stdin=_encoded(listing))
        ids = finished.out.decode("ascii").split()
        found.update(zip(waiting, ids, strict=False))
        waiting = waiting[len(ids) :]
        if waiting:
            found[waiting.pop(0)] = None
            failures += 1
    return found | dict.fromkeys(waiting, None)


def _quoted(path: str) -> str:
    """As git reads names by lines: in quotes, like C, where it would read another name."""
    if not any(letter in '"\\' or letter < " " for letter in path):
        return path
    return (
        '"'
        + "".join(f"\\{ord(letter):03o}" if letter in '"\\' or letter < " " else letter for letter in path)
        + '"'
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
