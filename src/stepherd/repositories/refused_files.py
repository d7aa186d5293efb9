"""Files that git's own check of objects refuses by their names: a dangerous address in a .gitmodules, a link
in place of one (git-fsck, ``gitmodulesUrl`` and the like).

No server takes a tree with one of them, and neither does the check of the bundle. So such a file stays as the
base has it, and what it holds is kept under another name.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Final

from stepherd.repositories.failures import server_words
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.raw_changes import RawChange

__all__ = ["RefusedFiles", "set_aside_refused"]

_FILE: Final = "100644"
# As file systems of other machines may read them: in any case, with what they leave out, and by short names.
_ALIKE: Final = re.compile(
    r"\.(gitmodules|gitattributes|gitignore|mailmap)[. ]*(:.*)?|(git|gi|mai)[0-9a-z]*~[0-9]+"
)
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class RefusedFiles:
    """Why each is refused, by its path; and the base's tree with what they hold, for the bundle."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    kept: str | None = None


def set_aside_refused(git: Git, changes: Iterable[RawChange], base: str) -> RefusedFiles:
    """Put such files back in the index as the base has them. ``base`` is a commit."""
    suspects = [each for each in changes if each.status != "D" and _is_suspect(each.path)][:_MOST]
    reasons = {each.path: reason for each in suspects if (reason := _refusal(git, each, base)) is not None}
    if not reasons:
        return RefusedFiles()
    refused = [each for each in suspects if each.path in reasons]
    # A mode of zero takes away.
    _enter(git, [f"{int(each.old_mode, 8):o} {each.old_id}\t{each.path}" for each in refused])
    index = {"GIT_INDEX_FILE": str(git.scratch / "refused.index")}
    git.run("Reading the base", "read-tree", "--end-of-options", base, environment=index)
    _enter(git, [f"{_FILE} {each.object_id}\t{each.path}.refused" for each in refused], index)
    return RefusedFiles(reasons, git.run("Writing the tree", "write-tree", environment=index))


def _enter(git: Git, lines: Iterable[str], environment: Mapping[str, str] | None = None) -> None:
    listing = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    words = ("update-index", "-z", "--add", "--replace", "--index-info")
    git.run("Setting files aside", *words, stdin=listing, environment=environment)


def _is_suspect(path: str) -> bool:
    name = path.rpartition("/")[2]
    plain = "".join(letter for letter in name.lower() if letter.isascii())
    return _ALIKE.fullmatch(plain) is not None


def _refusal(git: Git, change: RawChange, base: str) -> str | None:
    """What the check says of a tree with this file alone; None when it passes."""
    name = change.path.rpartition("/")[2].encode("utf-8", "surrogateescape")
    line = f"{change.mode} blob {change.object_id}\t".encode() + name + b"\0"
    tree = git.run("Checking a file", "mktree", "-z", stdin=line)
    place = git.within(git.git_dir.with_name("check.git"))
    if not place.git_dir.exists():
        create_repository(place, commit_id=base)
    with tempfile.TemporaryFile(dir=git.scratch) as pack:
        objects = f"{tree}\n{change.object_id}\n".encode()
        words = ("pack-objects", "--stdout", "--quiet", "--threads=1")
        git.run("Checking a file", *words, stdin=objects, sink=lambda data: _put(pack, data))
        pack.seek(0)
        finished = place.attempt("Checking a file", "index-pack", "--stdin", "--strict", stdin=pack)
    if finished.code == 0:
        return None
    return f"git's own check refuses it ({server_words(finished.err.decode('utf-8', 'replace'), limit=200)})"


def _put(file: IO[bytes], data: bytes) -> None:
    file.write(data)
