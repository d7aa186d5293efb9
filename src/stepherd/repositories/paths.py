"""Paths in a repository and the folders above them: sets of these answer in time, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator

__all__ = ["is_within", "parents", "with_parents"]


def parents(path: str) -> Iterator[str]:
    """The folders above ``path``, the innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def with_parents(path: str) -> Iterator[str]:
    """``path``, and the folders above it."""
    yield path
    yield from parents(path)


def is_within(path: str, folders: Collection[str]) -> bool:
    """Whether ``path`` is one of ``folders``, a set, or in one of them. A slash at its end says nothing."""
    return bool(folders) and any(each in folders for each in with_parents(path.rstrip("/")))
