"""The commits of a run brought to one branch of a remote, exactly once (faults 72 to 74).

A lost answer, a race and a re-run all look alike from here: ask the remote what the branch is, and decide
from that. The commits have the same ids on every try, so finding the last there proves that all arrived.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stepherd.errors import ProtocolError, StepherdError
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.branch_room import BranchTaken
from stepherd.repositories.commit_plan import CommitPlan, PlannedCommit
from stepherd.repositories.failures import PushRejected, explain
from stepherd.repositories.git import Git
from stepherd.repositories.message import RUN_TRAILER
from stepherd.repositories.remote import Listing, Remote
from stepherd.repositories.retries import retrying
from stepherd.repositories.scan import Finding

__all__ = ["BranchTaken", "Delivery", "PushFacts"]

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
    unfit: tuple[Finding, ...] = ()
    """Those of them that must not be pushed; the others could not be."""
    note: str = ""
    """Why the commits are not what was asked for, where they are not."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """``git`` talks to the remote; ``local`` is the same repository without any access."""

    remote: Remote
    git: Git
    local: Git
    branch: str
    plan: CommitPlan

    def deliver(self, listing: Listing, pauses: Sequence[float]) -> PushFacts:
        """Push until the remote has the commit, at most once more than there are ``pauses`` (seconds).

        Raises BranchTaken, the error of the push, or ProtocolError when the remote says yes and has not
        got it.
        """
        waits = list(pauses)
        pushed = False
        while True:
            parent, commits, there = self._settle(listing.branch(self.branch))
            if there is not None:
                return PushFacts(self.branch, there, pushed, self.remote.unrun_hooks, note=self.plan.note)
            commit = self._make(parent, commits)
            failure = self._push(commit)
            pushed = True
            listing = self._look(failure, pauses)
            if listing.branch(self.branch) == commit:
                return PushFacts(self.branch, commit, True, self.remote.unrun_hooks, note=self.plan.note)
            if failure is None:
                raise ProtocolError(
                    f"The remote accepted the push, but its branch '{self.branch}' is not {commit}.",
                    remedy="Check the branch on the server: someone may have changed it at that moment.",
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

    def _settle(self, tip: str | None) -> tuple[str, Sequence[PlannedCommit], str | None]:
        """Where to begin, what to make there, and the last commit on the remote when all have arrived."""
        base, commits = self.plan.base, self.plan.commits
        if tip is None or tip == base:
            return base, commits, None
        if self._make(base, commits) == tip:
            return base, (), tip
        own = self._own_trees(tip)
        if own is None:
            below = self._arrived_below(tip)
            if below is not None:
                return base, (), below
            raise BranchTaken(
                f"The branch '{self.branch}' exists on the remote and has other commits.",
                remedy=Remedy(
                    "Stepherd does not overwrite branches. Use another: ",
                    ("redrive", RUN, "--branch", "NAME"),
                ),
            )
        return tip, self.plan.after(own), tip if own[-1] == self.plan.tree else None

    def _own_trees(self, tip: str) -> list[str] | None:
        """The trees from the base to ``tip``, the oldest first; None unless all commits are this run's."""
        if self.plan.run_id is None:
            return None
        most = self.plan.most_before
        self.remote.fetch_history(self.git, tip, most)
        out = self.local.run(
            "Reading the branch",
            "log",
            "-z",
            f"--max-count={most}",
            f"--format=%P%n%T%n%(trailers:key={RUN_TRAILER},valueonly)",
            "--end-of-options",
            tip,
        )
        trees: list[str] = []
        for entry in out.split("\0"):
            parents, tree, trailer = (*entry.split("\n", 2), "", "")[:3]
            if len(parents.split()) != 1 or trailer.strip() != self.plan.run_id:
                return None
            trees.append(tree)
            if parents == self.plan.base:
                return trees[::-1]
        return None

    def _arrived_below(self, tip: str) -> str | None:
        """This run's commit with this very tree among the last ones of the branch: others have built on it.

        So a step that asks again about a push that arrived long ago still finds it.
        """
        if self.plan.run_id is None:
            return None
        form = f"--format=%H %T %(trailers:key={RUN_TRAILER},valueonly,separator=%x20)"
        out = self.local.run(
            "Reading the branch", "log", f"--max-count={self.plan.most_before}", form, "--end-of-options", tip
        )
        for line in out.splitlines():
            commit, _, rest = line.partition(" ")
            if rest.split() == [self.plan.tree, self.plan.run_id]:
                return commit
        return None

    def _make(self, parent: str, commits: Sequence[PlannedCommit]) -> str:
        """Make ``commits`` upon ``parent``; the last of them."""
        for commit in commits:
            parent = self.local.run(
                "Making the commit",
                "commit-tree",
                "-p",
                parent,
                "-F",
                "-",
                commit.tree,
                stdin=commit.message.encode("utf-8", "replace"),
                environment=commit.environment,
            )
        return parent


class _Raced(PushRejected):
    """Someone moved the branch between the look and the push."""
