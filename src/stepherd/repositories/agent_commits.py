"""The commits that an agent made: all that came in with its objects, whether a name leads to them or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.refs import is_commit_id

__all__ = ["Commit", "in_order", "own_commits", "read_commits", "tips_of"]

_MOST_COMMITS: Final = 1_000_000
_LARGEST_COMMIT: Final = 1 << 20
_MOST_BYTES: Final = 200 << 20
_WHEN: Final = re.compile(r"> (\d{1,12}) [+-]\d{4}$")
_LONGEST_SUBJECT: Final = 300


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: ``when`` is its committer's date in seconds since 1970, 0 when it has none."""

    id: str
    tree: str
    parents: tuple[str, ...]
    when: int
    subject: str


def read_commits(git: Git, notes: list[str]) -> dict[str, Commit]:
    """Every commit among the objects of ``git``'s own repository, by its id."""
    out = git.run(
        "Listing the agent's objects",
        "cat-file",
        "--batch-all-objects",
        "--unordered",
        "--batch-check=%(objecttype) %(objectname) %(objectsize)",
    )
    ids: list[str] = []
    total = 0
    for line in out.splitlines():
        if not line.startswith("commit "):
            continue
        _, object_id, size = line.split(" ")
        total += int(size)
        if int(size) > _LARGEST_COMMIT or total > _MOST_BYTES or len(ids) == _MOST_COMMITS:
            notes.append("The agent's repository holds more commits than are read, or larger ones.")
            break
        ids.append(object_id)
    return read_commits_named(git, ids)


def read_commits_named(git: Git, ids: Sequence[str]) -> dict[str, Commit]:
    """Those of ``ids`` that are commits and have a tree."""
    if not ids:
        return {}
    reader = _BatchReader()
    question = "".join(f"{object_id}\n" for object_id in ids).encode()
    git.run("Reading the agent's commits", "cat-file", "--batch", stdin=question, sink=reader.feed)
    return reader.commits


class _BatchReader:
    """Takes what ``git cat-file --batch`` answers, as it comes: a line with id, type and size, then bytes."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data
        start = 0
        while (end := self._data.find(b"\n", start)) >= 0:
            words = self._data[start:end].decode("ascii", "replace").split(" ")
            if len(words) != 3:  # "<id> missing"
                start = end + 1
                continue
            after = end + 1 + int(words[2])
            if len(self._data) <= after:
                break
            if words[1] == "commit" and (commit := _parse(words[0], bytes(self._data[end + 1 : after]))):
                self.commits[commit.id] = commit
            start = after + 1
        del self._data[:start]


def _parse(object_id: str, body: bytes) -> Commit | None:
    head, _, message = body.decode("utf-8", "replace").partition("\n\n")
    tree, when = "", 0
    parents: list[str] = []
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        if key == "tree" and not tree:
            tree = value
        elif key == "parent" and is_commit_id(value):
            parents.append(value)
        elif key == "committer" and (match := _WHEN.search(value)):
            when = int(match[1])
    if not is_commit_id(tree):
        return None
    subject = message.strip().partition("\n")[0][:_LONGEST_SUBJECT]
    return Commit(object_id, tree, tuple(dict.fromkeys(parents)), when, subject)


def own_commits(
    commits: Mapping[str, Commit], base: Commit | None, fetched: Iterable[str], since: float
) -> dict[str, Commit]:
    """``commits`` without what was there before the agent: the history of the base and what it fetched.

    Fetched commits are recognised by their dates: one from before ``since`` (seconds since 1970) that a
    remote's branch, a tag or FETCH_HEAD leads to is not the agent's, nor are its ancestors.
    """
    older = [name for name in fetched if name in commits and commits[name].when < since]
    found = set()
    waiting = [*older, *(base.parents if base else ())]
    while waiting:
        name = waiting.pop()
        if name in commits and name not in found:
            found.add(name)
            waiting.extend(commits[name].parents)
    if base:
        found.add(base.id)
    return {name: commit for name, commit in commits.items() if name not in found}


def tips_of(own: Mapping[str, Commit]) -> list[Commit]:
    """Those that no other of ``own`` builds upon, the newest first."""
    below = {parent for commit in own.values() for parent in commit.parents}
    tips = [commit for commit in own.values() if commit.id not in below]
    return sorted(tips, key=lambda commit: (-commit.when, commit.id))


def in_order(own: Mapping[str, Commit]) -> list[Commit]:
    """Return the commits ``own`` in an order in which parents come before children."""
    done: dict[str, Commit] = {}
    for start in own.values():
        stack = [(start, False)]
        while stack:
            commit, ready = stack.pop()
            if commit.id in done:
                continue
            if ready:
                done[commit.id] = commit
                continue
            stack.append((commit, True))
            stack += [(own[name], False) for name in commit.parents if name in own and name not in done]
    return list(done.values())
