"""Which commits are delivered: one with the result, or the agent's own, each made again.

A commit of the agent's gives its tree, its message (cleaned) and its date. Everything else is ours: the
author, the run's trailer, and nothing of its headers, so no signature and no other name travels along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from stepherd.repositories.agent_commits import Commit, read_commits_named
from stepherd.repositories.attributes import ATTRIBUTES
from stepherd.repositories.git import Git
from stepherd.repositories.message import clean_email, clean_message, clean_name
from stepherd.repositories.parting import Rules
from stepherd.repositories.raw_changes import RawChange, list_raw_changes
from stepherd.repositories.scan import ChangesBlocked, Finding, filter_findings

__all__ = ["CommitPlan", "Judge", "PlannedCommit", "Signature", "as_one", "keep_commits", "objection_to"]

_MOST_REPLAYED: Final = 200
_MOST_BEFORE: Final = 16
_MOST_LISTS: Final = 16


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """All that makes a commit but its parent: the same values give the same id on every try."""

    tree: str
    message: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """The commits to deliver upon ``base``: at least one, the oldest first, with ``run_id`` in trailers."""

    base: str
    commits: tuple[PlannedCommit, ...]
    run_id: str | None
    note: str = ""
    """Why they are not what was asked for, where they are not."""
    kept: bool = False
    """Whether they are the agent's own."""

    @property
    def tree(self) -> str:
        """The files at the end."""
        return self.commits[-1].tree

    @property
    def most_before(self) -> int:
        """How many commits of the run a branch may have already."""
        return _MOST_BEFORE + (2 * _MOST_REPLAYED if self.kept else len(self.commits))

    def after(self, trees: Sequence[str]) -> tuple[PlannedCommit, ...]:
        """Commits still to be made on a branch of this run that has commits with these trees."""
        same = 0
        while same < min(len(trees), len(self.commits) - 1) and trees[same] == self.commits[same].tree:
            same += 1
        return self.commits[same:]


@dataclass(frozen=True, slots=True)
class Signature:
    """The committer. Names and addresses without what a run must not show."""

    name: str
    email: str

    def at(self, when: int) -> dict[str, str]:
        """For git's environment; ``when`` is in seconds since 1970."""
        who = {"NAME": clean_name(self.name), "EMAIL": clean_email(self.email), "DATE": f"@{when} +0000"}
        roles = ("AUTHOR", "COMMITTER")
        return {f"GIT_{role}_{part}": value for role in roles for part, value in who.items()}


@dataclass(frozen=True, slots=True)
class Judge:
    """By what commits are judged before they are pushed. ``warn`` is told what is raised without it."""

    git: Git
    rules: Rules
    warn: Callable[[tuple[Finding, ...]], None] | None = None

    def check(self, before: str, tree: str, raw: Sequence[RawChange], earlier: Iterable[str] = ()) -> None:
        """Raises ChangesBlocked when ``tree`` has more than ``before`` what must not be pushed, or more than
        a tree that was ``earlier`` what that one has a filter for."""
        found = self.rules.named(
            (*self.rules.findings(self.git, before, tree, raw), *self._hidden(tree, earlier))
        )
        if found and self.warn is None:
            raise ChangesBlocked(found)
        if found and self.warn is not None:
            self.warn(found)

    def _hidden(self, tree: str, earlier: Iterable[str]) -> Iterator[Finding]:
        for old in earlier:
            changes = list_raw_changes(self.git, old, tree)
            yield from filter_findings(self.git, old, tree, changes, self.rules.allows)


def keep_commits(
    plan: CommitPlan,
    tip: str,
    judge: Judge,
    signature: Signature,
    *,
    until: datetime,
    last: Callable[[str], str],
) -> CommitPlan:
    """``plan``, which is one commit, with the agent's commits from its base to ``tip`` before it, or instead.

    Each is judged by itself, because each is pushed: what a later one took out again is in its history.
    """
    line = _line(judge.git, plan.base, tip)
    if isinstance(line, str):
        return replace(plan, note=as_one(line))
    if objection := _objection(judge, plan.base, line):
        return replace(plan, note=as_one(objection))
    whole = line[-1].tree == plan.tree
    made = _replayed(judge, line, signature, plan.run_id, int(until.timestamp()), last if whole else str)
    return replace(plan, commits=(*made, *(() if whole else plan.commits)), kept=True)


def as_one(why: str) -> str:
    """The note that one commit was delivered, although the agent's were asked for."""
    return f"The agent's commits were delivered as one: {why}."


def objection_to(judge: Judge, base: str, tip: str) -> str:
    """Why the agent's commits up to ``tip`` cannot be pushed as they are; empty when they can.

    Asked where the agent's secrets are known, because the push knows fewer.
    """
    line = _line(judge.git, base, tip)
    if isinstance(line, str):
        return line
    for commit in line:
        # The push masks in messages what it knows.
        if judge.rules.known.held_by(_message(judge.git, commit.id)):
            return f"the message of {commit.id[:12]} holds a secret of this run"
    return _objection(judge, base, line)


def _objection(judge: Judge, base: str, line: Sequence[Commit]) -> str:
    before = base
    # Before each change of attributes: a path that had a filter has it still, though a commit took it away.
    earlier: list[str] = []
    for commit in line:
        raw = list_raw_changes(judge.git, before, commit.tree)
        try:
            judge.check(before, commit.tree, raw, earlier)
        except ChangesBlocked as blocked:
            return f"in {commit.id[:12]}, {blocked.findings[0]}"
        if any(change.path.rpartition("/")[2] == ATTRIBUTES for change in raw):
            earlier.append(before)
        if len(earlier) > _MOST_LISTS:
            return f"more than {_MOST_LISTS} of them change attributes"
        before = commit.tree
    return ""


def _message(git: Git, commit: str) -> str:
    return git.run("Reading a commit", "log", "-1", "--format=%B", "--end-of-options", commit)


def _line(git: Git, base: str, tip: str) -> list[Commit] | str:
    """The commits from ``base`` to ``tip`` when they are one line; otherwise why they are not."""
    most = f"--max-count={_MOST_REPLAYED + 1}"
    names = git.run("Reading the agent's commits", "rev-list", most, tip, f"^{base}", "--").split()
    if len(names) > _MOST_REPLAYED:
        return f"they are more than {_MOST_REPLAYED}"
    found = read_commits_named(git, names)
    line: list[Commit] = []
    name = tip
    while name != base:
        commit = found.get(name)
        if commit is None or len(commit.parents) != 1:
            return "they are not a single line that begins at the base"
        line.append(commit)
        name = commit.parents[0]
    return line[::-1]


def _replayed(
    judge: Judge,
    line: Sequence[Commit],
    signature: Signature,
    run_id: str | None,
    until: int,
    last: Callable[[str], str],
) -> Iterator[PlannedCommit]:
    for number, commit in enumerate(line, 1):
        message = _message(judge.git, commit.id)
        message = last(message) if number == len(line) else message
        text = clean_message(judge.rules.known.mask(message), fallback="Changes by an agent", run_id=run_id)
        yield PlannedCommit(commit.tree, text, signature.at(min(commit.when, until)))
