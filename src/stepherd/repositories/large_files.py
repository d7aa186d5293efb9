"""Files that are too large to be compared in memory: found by their size, and read as a stream or not at all.

Git reads both sides of a diff whole: a file of 900 MB took 1.7 GB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.known_secrets import KnownSecrets

__all__ = ["blob_sizes", "judge_new_lines", "lines_with_secrets", "tree_without"]

_LONGEST_LINE: Final = 1 << 20
_MOST_FOUND: Final = 100
_MOST_KNOWN: Final = 10_000


def blob_sizes(git: Git, ids: Iterable[str]) -> Mapping[str, int]:
    """The sizes in bytes of the objects that the repository has; nothing of them is read."""
    asked = sorted({each for each in ids if each.strip("0")})
    if not asked:
        return {}
    question = "".join(f"{each}\n" for each in asked).encode()
    found = git.run(
        "Measuring files", "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=question
    )
    answers = (line.split(" ") for line in found.split("\n"))
    return {words[0]: int(words[1]) for words in answers if words[1].isdigit()}  # else: "missing"


def tree_without(git: Git, tree: str, paths: Iterable[str]) -> str:
    """The id of ``tree`` without the files at ``paths``, made with an index of its own."""
    index: Path = git.scratch / "without.index"
    own = {"GIT_INDEX_FILE": str(index)}
    git = git.within(git.git_dir, git.scratch)  # Git wants a work tree for this; it does not look into it.
    listing = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    try:
        git.run("Reading the tree", "read-tree", "--end-of-options", tree, environment=own)
        git.run(
            "Leaving out", "update-index", "-z", "--force-remove", "--stdin", stdin=listing, environment=own
        )
        return git.run("Writing the tree", "write-tree", environment=own)
    finally:
        index.unlink(missing_ok=True)


def judge_new_lines(
    git: Git, old_id: str | None, new_id: str, judge: Callable[[bytes], str | None]
) -> list[tuple[int, str]]:
    """Line numbers of the blob ``new_id`` and what ``judge`` says of them, without lines that ``old_id`` has.

    Both are read as streams, and a line up to 1 MiB; of the old one only what ``judge`` objects to is kept.
    """
    known: set[bytes] = set()
    found: list[tuple[int, str]] = []

    def remember(_line: int, text: bytes, _kind: str) -> None:
        if len(known) < _MOST_KNOWN:
            known.add(_digest(text))

    def report(line: int, text: bytes, kind: str) -> None:
        if len(found) < _MOST_FOUND and _digest(text) not in known:
            found.append((line, kind))

    if old_id is not None:
        _read_lines(git, old_id, _Lines(judge, remember))
    _read_lines(git, new_id, _Lines(judge, report))
    return found


def lines_with_secrets(git: Git, blob: str, known: KnownSecrets) -> list[int]:
    """The numbers of the lines of ``blob`` in which one of the ``known`` secrets begins, read as a stream."""
    search = known.search()
    found: set[int] = set()
    line = 1

    def take(chunk: bytes) -> None:
        nonlocal line
        *whole, rest = chunk.split(b"\n")
        for text in whole:
            found.update(number for _, number in search.add(("", line), text + b"\n"))
            line += 1
        found.update(number for _, number in search.add(("", line), rest))

    git.run("Scanning", "cat-file", "blob", blob, sink=take)
    found.update(number for _, number in search.end())
    return sorted(found)[:_MOST_FOUND]


def _read_lines(git: Git, blob: str, lines: _Lines) -> None:
    git.run("Scanning", "cat-file", "blob", blob, sink=lines.feed)
    lines.end()


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


class _Lines:
    """Judges the lines of a stream; a longer line in overlapping pieces."""

    def __init__(
        self, judge: Callable[[bytes], str | None], objected: Callable[[int, bytes, str], None]
    ) -> None:
        self._judge, self._objected = judge, objected
        self._rest, self._line = b"", 1

    def feed(self, chunk: bytes) -> None:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line)
            self._line += 1
        if len(self._rest) > _LONGEST_LINE:
            self._take(self._rest)
            self._rest = self._rest[-512:]

    def end(self) -> None:
        if self._rest:
            self._take(self._rest)

    def _take(self, line: bytes) -> None:
        kind = self._judge(line)
        if kind is not None:
            self._objected(self._line, line, kind)
