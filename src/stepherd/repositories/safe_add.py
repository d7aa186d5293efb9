"""Adding the files of a workspace to the index, so that one which git cannot add does not cost the others."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from stepherd.errors import StorageError
from stepherd.repositories.failures import explain, server_words
from stepherd.repositories.git import Git
from stepherd.repositories.paths import is_within
from stepherd.repositories.scan import Finding

__all__ = ["add_all"]

_MOST_TRIES: Final = 400
_MOST_REASONS: Final = 20
_MOST_PATTERNS: Final = 200
"""Git compares each file with each pattern: of more of them, it is told by name what to add."""
_AS_ONE_PACK: Final = ("-c", "core.bigFileThreshold=1")
"""Files that git takes for large it writes into one pack, and not each into a file of its own."""
_DOING: Final = "Adding the files"
_UNOPENED: Final = re.compile(r"^warning: could not open directory '(.+)/': (.+)$", re.MULTILINE)
_ROOM: Final = 64 << 20  # bytes


def add_all(git: Git, left_out: Collection[str]) -> list[Finding]:
    """Add everything in the work tree but what is ``left_out``, and say what git could not add.

    Raises StorageError when there is no room.
    """
    unopened: list[Finding] = []
    if len(left_out) <= _MOST_PATTERNS:
        # Of the files that are as the base has them nothing is to be written.
        git.attempt(_DOING, "update-index", "-q", "--refresh", "--ignore-submodules")
        paths = [".", *(f":(exclude,literal,top){path}" for path in left_out)]
        words = (
            *_AS_ONE_PACK,
            "add",
            "-A",
            "--ignore-errors",
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
        )
        finished = git.attempt(_DOING, *words, stdin=_encoded(paths))
        unopened = _unopened(finished.err, left_out)
        if finished.code == 0:
            return unopened
        _raise_if_full(git, finished.err)
    missing = _missing(git, left_out)
    _add_some(git, missing)
    return unopened + [
        Finding(
            path,
            None,
            "refused by git",
            _reason(git, path) if number < _MOST_REASONS else "git cannot add it",
        )
        for number, path in enumerate(_missing(git, left_out) if missing else [])
    ]


def _unopened(said: bytes, left_out: Collection[str]) -> list[Finding]:
    """The folders that git could not look into, of which it only warns."""
    out = set(left_out)
    found = {match[1]: match[2] for match in _UNOPENED.finditer(said.decode("utf-8", "surrogateescape"))}
    return [
        Finding(path, None, "unreadable", f"git could not open it ({reason})")
        for path, reason in found.items()
        if not is_within(path, out)
    ]


def _missing(git: Git, left_out: Collection[str]) -> list[str]:
    """Paths that are missing in the index, or differ there from the work tree."""
    words = ("ls-files", "-z", "--others", "--modified", "--deleted", "--exclude-standard")
    listed = git.run("Looking for files that are not added", *words).split("\0")
    out = set(left_out)
    return sorted({path.rstrip("/") for path in listed if path and not is_within(path, out)})


def _add_some(git: Git, paths: Sequence[str]) -> None:
    """Add what git can add, by halves: of a batch with one that it cannot add, it adds none."""
    waiting = [paths]
    for _ in range(_MOST_TRIES):
        if not waiting:
            return
        batch = waiting.pop()
        if _update(git, batch) is not None and len(batch) > 1:
            half = len(batch) // 2
            waiting += [batch[half:], batch[:half]]


def _update(git: Git, paths: Iterable[str]) -> str | None:
    """Add the files; what git says when it cannot."""
    words = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
    finished = git.attempt(_DOING, *words, stdin=_encoded(paths))
    # It passes over a path that it refuses by name, and succeeds.
    if finished.code == 0 and b"Ignoring path" not in finished.err:
        return None
    _raise_if_full(git, finished.err)
    return finished.err.decode("utf-8", "replace")


def _reason(git: Git, path: str) -> str:
    said = _update(git, [path])
    return f"git cannot add it ({server_words(said)})" if said else "git cannot add it"


def _raise_if_full(git: Git, said: bytes) -> None:
    """Files may be called like what git says of a full disk, so that this alone is not believed."""
    error = explain(_DOING, git.place, said.decode("utf-8", "replace"), git.access.secrets)
    if isinstance(error, StorageError) and not _has_room(git):
        raise error


def _has_room(git: Git) -> bool:
    try:
        with tempfile.TemporaryFile(dir=git.scratch) as file:
            file.write(bytes(_ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _encoded(paths: Iterable[str]) -> bytes:
    return "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
