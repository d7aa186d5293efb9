"""The bundle that carries an agent's work: its changes as one commit on a known base, and under names of
their own what else it made (gitformat-bundle).

The header is read here and the pack given to ``git index-pack --strict``, because ``git fetch`` from a
bundle runs its object checks only in newer versions of git, and has no limit on the pack's size.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from stepherd.errors import DataError, NotFoundError, StorageError
from stepherd.repositories.failures import explain, server_words
from stepherd.repositories.git import Git
from stepherd.repositories.refs import is_commit_id

__all__ = [
    "ALL_REF",
    "CHANGES_REF",
    "COMMITS_REF",
    "KEPT_PREFIX",
    "LARGEST_BUNDLE",
    "RESERVED_NAMES",
    "BundleHeader",
    "BundledWork",
    "read_header",
    "take_bundle",
    "write_bundle",
]

CHANGES_REF: Final = "refs/stepherd/changes"
"""The work that is pushed."""
ALL_REF: Final = "refs/stepherd/all"
"""The same with what must not be pushed; only there when something was left out."""
COMMITS_REF: Final = "refs/stepherd/commits"
"""The agent's own commits that led to it."""
KEPT_PREFIX: Final = "refs/stepherd/kept/"
"""Work that is in neither: other branches, worktrees, stashes, what the reflog alone knows."""
RESERVED_NAMES: Final = re.compile(r"refused|earlier|submodule-[0-9]+", re.IGNORECASE)
"""Names below KEPT_PREFIX that Stepherd gives itself: nothing of the agent's may have one."""
LARGEST_BUNDLE: Final = 4 << 30  # bytes: what a push may have (``push_room``), and what is kept beside it
_SIGNATURES: Final = {b"# v2 git bundle\n", b"# v3 git bundle\n"}
_HEADER_LINES: Final = 256
_LINE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class BundleHeader:
    """The header of a bundle: the commits that it needs, its refs, and the offset of its pack in bytes."""

    prerequisites: tuple[str, ...]
    refs: tuple[tuple[str, str], ...]
    pack_offset: int


@dataclass(frozen=True, slots=True)
class BundledWork:
    """The commits of a bundle: what is pushed, the same with what is not, and other work by its name."""

    changes: str | None
    everything: str | None
    kept: Mapping[str, str]
    commits: str | None = None
    """The last of the agent's own commits on the way to the changes."""

    @property
    def most(self) -> str | None:
        """The changes, with what must not be pushed."""
        return self.everything or self.changes


def write_bundle(git: Git, base: str, refs: Mapping[str, str], path: Path) -> None:
    """Write the commits of ``refs`` (and what they have more than ``base``) to ``path`` under these names."""
    lines = "".join(f"update {ref} {commit}\n" for ref, commit in refs.items())
    git.run("Naming the changes", "update-ref", "--stdin", stdin=lines.encode())
    partial = path.with_name(path.name + ".partial")
    asked = "".join(f"{ref}\n" for ref in (f"^{base}", *refs)).encode()
    git.run("Bundling the changes", "bundle", "create", "--quiet", str(partial), "--stdin", stdin=asked)
    partial.replace(path)


def take_bundle(git: Git, path: Path, base: str) -> BundledWork:
    """Bring the bundle at ``path`` into the repository of ``git`` and return its commits.

    Every object passed git's fsck. The changes, and the same with what is not pushed, have ``base``, which
    the repository has, as their only parent. Raises DataError for anything else, NotFoundError when there is
    no bundle.
    """
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFoundError(f"There is no bundle at {path}.", remedy="Run the agent step again.") from None
    with file:
        header = read_header(file)
        work = _work(header, base)
        os.lseek(file.fileno(), header.pack_offset, os.SEEK_SET)
        _index(git, file)
    for commit in filter(None, (work.changes, work.everything)):
        said = git.run("Reading the bundle", "rev-list", "--parents", "--max-count=1", commit, "--")
        if said.split()[1:] != [base]:
            raise _bad(f"its commit is not based on {base}")
    return work


def _index(git: Git, file: IO[bytes]) -> None:
    doing = "Checking the bundle"
    limit = f"--max-input-size={LARGEST_BUNDLE}"
    finished = git.attempt(doing, "index-pack", "--stdin", "--fix-thin", "--strict", limit, stdin=file)
    if finished.code != 0:
        said = finished.err.decode("utf-8", "replace")
        error = explain(doing, git.place, said, git.access.secrets)
        if isinstance(error, StorageError):
            raise error
        raise _bad(f"its objects do not pass git's check ({server_words(said, git.access.secrets)})")


def read_header(file: IO[bytes]) -> BundleHeader:
    """Read a bundle's header from its start; DataError when it has none."""
    data = file.read(_HEADER_LINES * _LINE_BYTES)
    head, separator, _ = data.partition(b"\n\n")
    lines = head.split(b"\n")
    if not separator or lines[0] + b"\n" not in _SIGNATURES or len(lines) > _HEADER_LINES:
        raise _bad("it does not start as a git bundle does")
    prerequisites: list[str] = []
    refs: list[tuple[str, str]] = []
    for line in lines[1:]:
        text = line.decode("utf-8", "replace")
        if text.startswith("@"):
            if not text.startswith("@object-format="):
                raise _bad("it asks for a capability that is not supported")
            continue
        first, _, rest = text.removeprefix("-").partition(" ")
        if not is_commit_id(first):
            raise _bad("its header contains an invalid object id")
        if text.startswith("-"):
            prerequisites.append(first)
        else:
            refs.append((rest, first))
    return BundleHeader(tuple(prerequisites), tuple(refs), len(head) + 2)


def _work(header: BundleHeader, base: str) -> BundledWork:
    refs = dict(header.refs)
    work = BundledWork(
        refs.pop(CHANGES_REF, None),
        refs.pop(ALL_REF, None),
        {name.removeprefix(KEPT_PREFIX): commit for name, commit in refs.items() if name != COMMITS_REF},
        refs.get(COMMITS_REF),
    )
    if not header.refs or not all(name == COMMITS_REF or name.startswith(KEPT_PREFIX) for name in refs):
        raise _bad("it must contain exactly the names that Stepherd gives")
    if any(commit != base for commit in header.prerequisites):
        raise _bad(f"it does not stand on {base}")
    return work


def _bad(reason: str) -> DataError:
    return DataError(
        f"The bundle of changes is not acceptable: {reason}.",
        remedy="Run the agent step again; only a bundle that Stepherd recorded can be pushed.",
    )
