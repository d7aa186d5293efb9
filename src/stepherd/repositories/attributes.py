"""Which files a tree's .gitattributes give to a filter (gitattributes, ``filter``).

Git itself reads them, from an index of our own that holds nothing else: not those of a work tree, of an
agent's ``.git`` or of the machine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.large_files import blob_sizes
from stepherd.repositories.raw_changes import read_blobs

__all__ = ["ATTRIBUTES", "LFS", "encrypts", "filters_by", "filters_in"]

ATTRIBUTES: Final = ".gitattributes"
LFS: Final = "lfs"
_FILES: Final = ("100644", "100755")
_MOST_BYTES: Final = 1 << 20
_NOT_NAMED: Final = frozenset({"unspecified", "unset", "set"})


_ENCRYPTING: Final = re.compile(
    r"crypt|secret|vault|cipher|conceal|sops|[gp]pg|pgp|blackbox|(?<![a-z])age(?![a-z])", re.IGNORECASE
)


def encrypts(name: str) -> bool:
    """Whether a filter is known to hide contents, by its name: git-crypt, transcrypt (crypt), git-agecrypt,
    sops and the like. The attributes do not say what any other filter does."""
    return _ENCRYPTING.search(name) is not None


def filters_in(git: Git, tree: str, paths: Collection[str]) -> dict[str, str]:
    """Of ``paths`` those with a filter, and its name, by the attributes of ``tree``."""
    if not paths:
        return {}
    out = git.run("Reading the tree", "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
    # Only these are taken apart: of most trees that is hardly any of it.
    entries = (entry.partition("\t") for entry in out.split("\0") if entry.endswith(ATTRIBUTES))
    files = {
        path: head.split(" ")[2]
        for head, _, path in entries
        if path.rpartition("/")[2] == ATTRIBUTES and head.startswith(_FILES)
    }
    return filters_by(git, files, paths)


def filters_by(git: Git, files: Mapping[str, str], paths: Iterable[str]) -> dict[str, str]:
    """Of ``paths`` those with a filter, and its name. ``files`` are the .gitattributes: path and blob."""
    sizes = blob_sizes(git, files.values())
    small = {path: blob for path, blob in files.items() if sizes.get(blob, _MOST_BYTES) < _MOST_BYTES}
    # Most repositories have no filter, and git looks at every path.
    if not any("filter" in text for text in read_blobs(git, list(small.values()))):
        return {}
    with _index_of(git, files) as environment:
        listing = _encoded("".join(f"{path}\0" for path in paths))
        words = ("check-attr", "-z", "--stdin", "--cached", "filter")
        fields = git.run("Reading attributes", *words, stdin=listing, environment=environment).split("\0")
    found = zip(fields[0::3], fields[2::3], strict=False)
    return {path: value for path, value in found if value not in _NOT_NAMED}


@contextmanager
def _index_of(git: Git, files: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment in which these files are git's index."""
    index = git.scratch / "attributes.index"
    environment = {"GIT_INDEX_FILE": str(index)}
    listing = "".join(f"{_FILES[0]} {blob}\t{path}\0" for path, blob in files.items())
    try:
        words = ("update-index", "-z", "--add", "--index-info")
        git.run("Reading attributes", *words, stdin=_encoded(listing), environment=environment)
        yield environment
    finally:
        index.unlink(missing_ok=True)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
