"""The bundle that carries an agent's changes to the push: one commit on a known base (gitformat-bundle).

The header is read here and the pack given to ``git index-pack --strict``, because ``git fetch`` from a
bundle runs its object checks only in newer versions of git, and has no limit on the pack's size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from stepherd.errors import DataError, NotFoundError, StorageError
from stepherd.repositories.failures import explain, server_words
from stepherd.repositories.git import Git
from stepherd.repositories.refs import is_commit_id

__all__ = ["CHANGES_REF", "LARGEST_BUNDLE", "BundleHeader", "read_header", "take_bundle", "write_bundle"]

CHANGES_REF: Final = "refs/stepherd/changes"
LARGEST_BUNDLE: Final = 2 << 30  # bytes; forges refuse pushes of this size
_SIGNATURES: Final = {b"# v2 git bundle\n", b"# v3 git bundle\n"}
_HEADER_LINES: Final = 64
_LINE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class BundleHeader:
    """What a bundle says of itself: the commits it stands on, its refs, and where its pack starts."""

    prerequisites: tuple[str, ...]
    refs: tuple[tuple[str, str], ...]
    pack_offset: int


def write_bundle(git: Git, base: str, commit: str, path: Path) -> None:
    """Write ``commit`` (and what it has more than ``base``) to ``path`` as the ref CHANGES_REF."""
    git.run("Naming the changes", "update-ref", CHANGES_REF, commit)
    partial = path.with_name(path.name + ".partial")
    git.run("Bundling the changes", "bundle", "create", "--quiet", str(partial), f"{base}..{CHANGES_REF}")
    partial.replace(path)


def take_bundle(git: Git, path: Path, base: str) -> str:
    """Bring the bundle at ``path`` into the repository of ``git`` and return its commit.

    The commit's only parent is ``base``, which the repository has, and every object passed git's fsck.
    Raises DataError for anything else, NotFoundError when there is no bundle.
    """
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFoundError(f"There is no bundle at {path}.", remedy="Run the agent step again.") from None
    with file:
        header = read_header(file)
        commit = _only_commit(header, base)
        os.lseek(file.fileno(), header.pack_offset, os.SEEK_SET)
        _index(git, file)
    parents = git.run("Reading the bundle", "rev-list", "--parents", "--max-count=1", commit, "--").split()[
        1:
    ]
    if parents != [base]:
        raise _bad(f"its commit does not stand on {base}")
    return commit


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
    """Read a bundle's header from its start; DataError when it is none."""
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
            raise _bad("its header names something that is no object id")
        if text.startswith("-"):
            prerequisites.append(first)
        else:
            refs.append((rest, first))
    return BundleHeader(tuple(prerequisites), tuple(refs), len(head) + 2)


def _only_commit(header: BundleHeader, base: str) -> str:
    if len(header.refs) != 1 or header.refs[0][0] != CHANGES_REF:
        raise _bad(f"it must hold the ref {CHANGES_REF} and no other")
    if any(commit != base for commit in header.prerequisites):
        raise _bad(f"it does not stand on {base}")
    return header.refs[0][1]


def _bad(reason: str) -> DataError:
    return DataError(
        f"The bundle of changes is not acceptable: {reason}.",
        remedy="Run the agent step again; only a bundle that Stepherd recorded can be pushed.",
    )
