"""One commit brought to one branch of a remote, exactly once (faults 72 to 74).

A lost answer, a race and a re-run all look alike from here: ask the remote what the branch is, and decide
from that. The commit has the same id on every try, so finding it there is the proof that it arrived.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stepherd.errors import ProtocolError, StepherdError
from stepherd.repositories.branch_room import OWN_HISTORY, BranchTaken
from stepherd.repositories.failures import PushRejected, explain
from stepherd.repositories.git import Git
from stepherd.repositories.message import RUN_TRAILER
from stepherd.repositories.remote import Listing, Remote
from stepherd.repositories.retries import retrying
from stepherd.repositories.scan import Finding

__all__ = ["BranchTaken", "Delivery", "OneCommit", "PushFacts"]

_RACE: Final = (
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "stale info",
    "reference already exists",
)


@dataclass(frozen=True, slots=True)
class PushFacts:
    """The branch and the commit that the remote now has there; ``created`` is False when it had it before.

    ``unrun_hooks`` are those of a repository on this machine that a push of git would have run.
    """

    branch: str
    commit: str
    created: bool
    unrun_hooks: tuple[str, ...] = ()
    left_out: tuple[Finding, ...] = ()
    """Changes that are not in it."""


@dataclass(frozen=True, slots=True)
class OneCommit:
    """All that makes the commit but its parent: the same values give the same id on every try."""

    tree: str
    base: str
    message: str
    environment: Mapping[str, str]
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """``git`` talks to the remote; ``local`` is the same repository without any access."""

    remote: Remote
    git: Git
    local: Git
    branch: str
    commit: OneCommit

    def deliver(self, listing: Listing, pauses: Sequence[float]) -> PushFacts:
        """Push until the remote has the commit, at most once more than there are ``pauses`` (seconds).

        Raises BranchTaken, the error of the push, or ProtocolError when the remote says yes and has not
        got it.
        """
        waits = list(pauses)
        pushed = False
        while True:
            parent, there = self._settle(listing.branch(self.branch))
            if there is not None:
                return PushFacts(self.branch, there, pushed, self.remote.unrun_hooks)
            commit = self._make(parent)
            failure = self._push(commit)
            pushed = True
            listing = self._look(failure, pauses)
            if listing.branch(self.branch) == commit:
                return PushFacts(self.branch, commit, True, self.remote.unrun_hooks)
            if failure is None:
                raise ProtocolError(
                    f"The remote accepted the push, but its branch '{self.branch}' is not {commit}.",
                    remedy="Look at the branch on the server: someone may have changed it in that moment.",
                )
            if not (failure.retryable or isinstance(failure, _Raced)) or not waits:
                raise failure
            time.sleep(waits.pop(0))

    def _push(self, commit: str) -> StepherdError | None:
        try:
            finished = self.remote.push(self.git, commit, self.branch)
        except StepherdError as error:
            return error
        if finished.code == 0:
            return None
        said = (finished.err + b"\n" + finished.out).decode("utf-8", "replace")
        failure = explain("Pushing", self.git.place, said, self.git.access.secrets)
        if any(word in said for word in _RACE):
            return _Raced(failure.message, remedy=failure.remedy, details=failure.details)
        return failure

    def _look(self, failure: StepherdError | None, pauses: Sequence[float]) -> Listing:
        try:
            return retrying(lambda: self.remote.list(f"refs/heads/{self.branch}"), pauses)
        except StepherdError as error:
            # A race says that something is there: whether it is ours is not known yet, so this may pass.
            if failure is None or isinstance(failure, _Raced):
                raise error from None
            raise failure from None

    def _settle(self, tip: str | None) -> tuple[str, str | None]:
        """The commit's parent, and the commit on the remote when it has arrived already."""
        base = self.commit.base
        if tip is None or tip == base:
            return base, None
        if self._make(base) == tip:
            return base, tip
        parent = self._parent_of_own(tip)
        if parent is None:
            below = self._arrived_below(tip)
            if below is not None:
                return base, below
            raise BranchTaken(
                f"The branch '{self.branch}' exists on the remote and holds other commits.",
                remedy="Give another --branch; Stepherd never overwrites one.",
            )
        arrived = self._make(parent) == tip or self._tree_of(tip) == self.commit.tree
        return (parent, tip) if arrived else (tip, None)

    def _parent_of_own(self, tip: str) -> str | None:
        """The parent of ``tip`` when everything between the base and it is this run's; None otherwise."""
        if self.commit.run_id is None:
            return None
        self.remote.fetch_history(self.git, tip, OWN_HISTORY)
        out = self.local.run(
            "Reading the branch",
            "log",
            "-z",
            f"--max-count={OWN_HISTORY}",
            f"--format=%P%n%(trailers:key={RUN_TRAILER},valueonly)",
            "--end-of-options",
            tip,
        )
        first: str | None = None
        for entry in out.split("\0"):
            parents, _, trailer = entry.partition("\n")
            if len(parents.split()) != 1 or trailer.strip() != self.commit.run_id:
                return None
            first = first or parents
            if parents == self.commit.base:
                return first
        return None

    def _arrived_below(self, tip: str) -> str | None:
        """This run's commit with this very tree among the last ones of the branch: others have built on it.

        So a step that asks again about a push that arrived long ago still finds it.
        """
        if self.commit.run_id is None:
            return None
        form = f"--format=%H %T %(trailers:key={RUN_TRAILER},valueonly,separator=%x20)"
        out = self.local.run(
            "Reading the branch", "log", f"--max-count={OWN_HISTORY}", form, "--end-of-options", tip
        )
        for line in out.splitlines():
            commit, _, rest = line.partition(" ")
            if rest.split() == [self.commit.tree, self.commit.run_id]:
                return commit
        return None

    def _tree_of(self, commit: str) -> str:
        revision = f"{commit}^{{tree}}"
        return self.local.run("Reading the branch", "rev-parse", "--verify", "--end-of-options", revision)

    def _make(self, parent: str) -> str:
        return self.local.run(
            "Making the commit",
            "commit-tree",
            "-p",
            parent,
            "-F",
            "-",
            self.commit.tree,
            stdin=self.commit.message.encode("utf-8", "replace"),
            environment=self.commit.environment,
        )


class _Raced(PushRejected):
    """Someone moved the branch between the look and the push."""
