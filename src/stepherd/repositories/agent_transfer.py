"""From the quarantine of an agent's objects into our repository: sound commits, as many as can be had.

A commit comes over with all that it needs, through ``git index-pack --strict``. Where the whole does not
pass, each commit is tried by itself, the oldest first: one whose history is broken gets a commit of ours with
its tree.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Final

from stepherd.errors import StepherdError
from stepherd.repositories.agent_commits import Commit, in_order
from stepherd.repositories.git import Git

__all__ = ["LARGEST_KEPT", "Transfer", "make_commit"]

LARGEST_KEPT: Final = 1 << 30
"""Bytes of other work that a bundle carries."""
_MOST_TRIED: Final = 500
_SECONDS: Final = 180.0
_MOST_LOST_NAMED: Final = 20
_WHO: Final = "Stepherd <stepherd@localhost.invalid>"


@dataclass(slots=True)
class Transfer:
    """``source`` is the quarantine, ``target`` our repository, which has ``base``.

    ``commits`` are those that came over, by the ids that they have there; ``ids`` says which of them an
    agent's commit has become.
    """

    source: Git
    target: Git
    base: str
    notes: list[str]
    commits: dict[str, Commit] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def bring(self, own: Mapping[str, Commit]) -> None:
        """Bring the commits of ``own`` over."""
        if not own:
            return
        known = {*own, self.base}
        if all(parent in known for commit in own.values() for parent in commit.parents):
            below = {parent for commit in own.values() for parent in commit.parents}
            if self._over([name for name in own if name not in below], [self.base]):
                self.ids = {name: name for name in own}
                self.commits = dict(own)
                return
        self._one_by_one(own)

    def _one_by_one(self, own: Mapping[str, Commit]) -> None:
        ends = time.monotonic() + _SECONDS
        lost: list[Commit] = []
        for number, commit in enumerate(in_order(own)):
            if number == _MOST_TRIED or time.monotonic() > ends:
                self.notes.append(
                    f"The agent's repository is damaged, and only {number:,} of its {len(own):,} commits "
                    "were examined."
                )
                break
            # The ancestors of a remote's commit are not the agent's work: the base stands for them.
            parents = tuple(dict.fromkeys(self.ids.get(parent, self.base) for parent in commit.parents))
            if not (self._as_it_is(commit, parents) or self._by_its_tree(commit, parents)):
                lost.append(commit)
                self.ids[commit.id] = parents[0] if parents else self.base
        for commit in lost[:_MOST_LOST_NAMED]:
            self.notes.append(
                f"The agent's commit {commit.id[:12]} ({commit.subject}) is not kept: its objects are "
                "damaged, missing or not acceptable to git."
            )
        if len(lost) > _MOST_LOST_NAMED:
            self.notes.append(
                f"And {len(lost) - _MOST_LOST_NAMED} more commits are not kept for the same reason."
            )

    def _as_it_is(self, commit: Commit, parents: tuple[str, ...]) -> bool:
        return parents == commit.parents and self._took(commit, commit.id, parents)

    def _by_its_tree(self, commit: Commit, parents: tuple[str, ...]) -> bool:
        try:
            message = self.source.run("Reading a commit", "cat-file", "commit", commit.id).partition("\n\n")[
                2
            ]
            made = make_commit(self.source, commit.tree, parents, message or commit.subject, commit.when)
        except StepherdError:
            return False
        return self._took(commit, made, parents)

    def _took(self, commit: Commit, object_id: str, parents: tuple[str, ...]) -> bool:
        if not self._over([object_id], parents or [self.base]):
            return False
        self.ids[commit.id] = object_id
        self.commits[object_id] = replace(commit, id=object_id, parents=parents)
        return True

    def _over(self, wanted: Iterable[str], without: Iterable[str]) -> bool:
        with tempfile.TemporaryFile(dir=self.source.scratch) as file:
            return self._packed(wanted, without, file) and self._indexed(file)

    def _packed(self, wanted: Iterable[str], without: Iterable[str], file: IO[bytes]) -> bool:
        revisions = "".join([*(f"{name}\n" for name in wanted), *(f"^{name}\n" for name in without)])
        command = ("pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset", "--threads=1")
        try:
            done = self.source.attempt(
                "Packing the agent's commits",
                *command,
                stdin=revisions.encode(),
                sink=lambda data: _put(file, data),
            )
        except StepherdError as error:
            self.notes.append(f"Some of the agent's commits are not kept. {error.message}")
            return False
        if file.tell() > LARGEST_KEPT:
            self.notes.append(
                f"Some of the agent's commits are not kept: {file.tell() / 1e6:.0f} MB are more than "
                f"{LARGEST_KEPT / 1e6:.0f} MB."
            )
            return False
        return done.code == 0

    def _indexed(self, file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            done = self.target.attempt(
                "Checking the agent's commits", "index-pack", "--stdin", "--strict", stdin=file
            )
        except StepherdError as error:
            self.notes.append(f"Some of the agent's commits are not kept. {error.message}")
            return False
        return done.code == 0


def make_commit(git: Git, tree: str, parents: Iterable[str], message: str, when: int = 0) -> str:
    """A commit of our own, with any number of parents; ``when`` is in seconds since 1970."""
    head = "".join(f"parent {parent}\n" for parent in parents)
    text = (
        f"tree {tree}\n{head}author {_WHO} {when} +0000\ncommitter {_WHO} {when} +0000\n\n{message.strip()}\n"
    )
    data = text.replace("\0", "").encode("utf-8", "surrogateescape")
    return git.run("Making a commit", "hash-object", "-t", "commit", "-w", "--stdin", stdin=data)


def _put(file: IO[bytes], data: bytes) -> None:
    file.write(data)
