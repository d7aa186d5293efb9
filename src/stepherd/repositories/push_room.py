"""The part of the changes that one push can carry: forges refuse any pack of more than 2 GiB.

The largest files stay behind, so that all the others arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.left_out import leave_out
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.scan import Finding

__all__ = ["fit_into_push", "largest_beyond"]

LARGEST_PUSH: Final = (2 << 30) - (16 << 20)
"""Bytes of contents; the rest is for trees and commits."""
_SUBMODULE: Final = "160000"
_REASON: Final = "together the changes have more than the 2 GiB of a push"


def fit_into_push(git: Git, base: str, tree: str) -> tuple[str, tuple[Finding, ...]]:
    """``tree`` without the largest changes from ``base``, as far as all of them are too much, and these."""
    changes = list_raw_changes(git, base, tree)
    paths: dict[str, list[str]] = {}
    for change in changes:
        if change.status != "D" and change.mode != _SUBMODULE:
            paths.setdefault(change.object_id, []).append(change.path)
    sizes = _stored_sizes(git, paths)
    if sum(sizes.values()) <= LARGEST_PUSH:
        return tree, ()
    known = _objects_of(git, base)
    beyond = largest_beyond({each: size for each, size in sizes.items() if each not in known}, LARGEST_PUSH)
    findings = tuple(
        Finding(path, None, "refused by git", f"{_REASON}, and its {size / 1e6:.0f} MB are not kept")
        for each, size in beyond
        for path in paths[each]
    )
    return leave_out(git, tree, changes, {finding.path for finding in findings}), findings


def largest_beyond(sizes: Mapping[str, int], most: int) -> Iterator[tuple[str, int]]:
    """The largest ones, without which the others are no more than ``most``."""
    over = sum(sizes.values()) - most
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if over <= 0:
            return
        over -= size
        yield name, size


def _stored_sizes(git: Git, ids: Iterable[str]) -> dict[str, int]:
    """As they are stored, which is about as they are sent."""
    question = "".join(f"{each}\n" for each in ids).encode()
    words = ("cat-file", "--batch-check=%(objectname) %(objectsize:disk)")
    found = git.run("Measuring files", *words, stdin=question) if question else ""
    answers = (line.split(" ") for line in found.split("\n") if line)
    return {words[0]: int(words[1]) for words in answers if words[1].isdigit()}


def _objects_of(git: Git, tree: str) -> frozenset[str]:
    out = git.run("Reading the base", "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
    return frozenset(entry.split("\t", 1)[0].split(" ")[2] for entry in out.split("\0") if entry)
