"""Files that git's own check of objects refuses by their names: a dangerous address in a .gitmodules, a link
in place of one (git-fsck, ``gitmodulesUrl`` and the like).

No server takes a tree with one of them, and neither does the check of the bundle. So such a file stays as the
base has it, and what it holds is kept under another name.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from stepherd.repositories.failures import server_words
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.raw_changes import RawChange

__all__ = ["RefusedFiles", "refusals", "set_aside_refused"]

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
    changes = list(changes)
    reasons = refusals(git, changes, base)
    if not reasons:
        return RefusedFiles()
    refused = [each for each in changes if each.path in reasons]
    # A mode of zero takes away.
    _enter(git, [f"{int(each.old_mode, 8):o} {each.old_id}\t{each.path}" for each in refused])
    index = {"GIT_INDEX_FILE": str(git.scratch / "refused.index")}
    git.run("Reading the base", "read-tree", "--end-of-options", base, environment=index)
    _enter(git, [f"{_FILE} {each.object_id}\t{_other_name(each.path)}" for each in refused], index)
    return RefusedFiles(reasons, git.run("Writing the tree", "write-tree", environment=index))


def refusals(git: Git, changes: Iterable[RawChange], base: str) -> dict[str, str]:
    """Why the new files among ``changes`` that are refused are so, by their paths. ``base`` is an object."""
    new = [each for each in changes if each.status != "D"]
    checks = _Checks(git, base)
    reasons = {each.path: reason for each in new if (reason := checks.of_folders(each.path)) is not None}
    left = [each for each in new if each.path not in reasons and _is_suspect(each.path.rpartition("/")[2])]
    waiting = [left] if left else []
    # Of a batch with one that is refused, each half is asked for.
    while waiting:
        batch = waiting.pop()
        reason = checks.of_files(batch) if len(reasons) < _MOST else "there are too many such files"
        if reason is not None and (len(batch) == 1 or len(reasons) >= _MOST):
            reasons |= dict.fromkeys((each.path for each in batch), reason)
        elif reason is not None:
            half = len(batch) // 2
            waiting += [batch[half:], batch[:half]]
    return reasons


def _enter(git: Git, lines: Iterable[str], environment: Mapping[str, str] | None = None) -> None:
    listing = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    words = ("update-index", "-z", "--add", "--replace", "--index-info")
    git.run("Setting files aside", *words, stdin=listing, environment=environment)


def _other_name(path: str) -> str:
    *above, name = path.split("/")
    return "/".join(
        [*(f"{each}.refused" if _is_suspect(each) else each for each in above), f"{name}.refused"]
    )


def _is_suspect(name: str) -> bool:
    plain = "".join(letter for letter in name.lower() if letter.isascii())
    return _ALIKE.fullmatch(plain) is not None


@dataclass(frozen=True, slots=True)
class _Checks:
    """Asks for the names of folders once each."""

    git: Git
    base: str
    _of_names: dict[str, str | None] = field(default_factory=dict)

    def of_files(self, changes: Sequence[RawChange]) -> str | None:
        """Git's objection to trees with these files alone; None when they pass."""
        index = {"GIT_INDEX_FILE": str(self.git.scratch / "check.index")}
        names = (each.path.rpartition("/")[2] for each in changes)
        lines = [
            f"{each.mode} {each.object_id}\t{n}/{name}"
            for n, (each, name) in enumerate(zip(changes, names, strict=True))
        ]
        self.git.run("Checking files", "read-tree", "--empty", environment=index)
        _enter(self.git, lines, index)
        return self._refusal(self.git.run("Checking files", "write-tree", environment=index))

    def of_folders(self, path: str) -> str | None:
        """The same for each of the folders above ``path``, as if they were empty."""
        names = [name for name in path.split("/")[:-1] if _is_suspect(name)]
        for name in names:
            if name not in self._of_names:
                nothing = self.git.run("Checking a folder", "mktree")
                line = f"040000 tree {nothing}\t{name}\0".encode("utf-8", "surrogateescape")
                tree = self.git.run("Checking a folder", "mktree", "-z", stdin=line)
                self._of_names[name] = self._refusal(tree)
        return next((reason for name in names if (reason := self._of_names[name]) is not None), None)

    def _refusal(self, tree: str) -> str | None:
        git = self.git
        place = git.within(git.git_dir.with_name("check.git"))
        if not place.git_dir.exists():
            create_repository(place, commit_id=self.base)
        with tempfile.TemporaryFile(dir=git.scratch) as pack:
            words = ("pack-objects", "--revs", "--stdout", "--quiet", "--threads=1")
            stdin = f"{tree}\n".encode()
            git.run("Checking files", *words, stdin=stdin, sink=lambda data: _put(pack, data))
            pack.seek(0)
            finished = place.attempt("Checking files", "index-pack", "--stdin", "--strict", stdin=pack)
        if finished.code == 0:
            return None
        said = server_words(finished.err.decode("utf-8", "replace"), limit=200)
        return f"git's own check refuses it ({said})"


def _put(file: IO[bytes], data: bytes) -> None:
    file.write(data)
