"""Bringing a run's changes into a clone on this machine, as a branch: no forge is needed."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.backends.prepared import request_digest
from stepherd.errors import NotFoundError, StepherdError, TemporaryError, UsageError
from stepherd.remedies import Remedy
from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import BranchCheckedOut, BranchTaken
from stepherd.repositories.credentials import GitCredentials, commit_identity
from stepherd.repositories.push import Manner, push_bundle
from stepherd.repositories.refs import run_branch
from stepherd.repositories.refusals import CommitNotServed
from stepherd.runs.attempts import read_agent
from stepherd.runs.digests import RunFolderChanged
from stepherd.runs.folder import run_folder
from stepherd.runs.ids import check_run_id
from stepherd.runs.report_work import kept_lines
from stepherd.steps.left_out import left_out_of
from stepherd.steps.push import base_of, commit_message, commits_of, own_message

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.repositories.push import Commits, PushFacts
    from stepherd.repositories.scan import Finding
    from stepherd.runs.folder import RunFolder
    from stepherd.runs.result import Result

__all__ = ["no_work", "pull_work", "top_of"]

Tell = Callable[[str], None]
_MOST_WARNINGS = 20


def _check_there_are_changes(agent: Result, run_id: str) -> None:
    lines = kept_lines(agent.facts) or kept_lines(agent.facts, superseded=True)
    if agent.facts.get("nothing_to_push") and lines and not agent.facts.get("left_out"):
        names = ", ".join(f"{line['name']} (from {line['from']})" for line in lines[:10])
        raise UsageError(
            f"The agent of {run_id} left the files as they were, and its work in: {names}.",
            remedy=Remedy("Take one: ", ("pull", run_id, "--kept", f"{lines[0]['name']}")),
        )


def _wanted(backend: Backend, folder: RunFolder, run_id: str, tell: Tell) -> tuple[str, str, Commits]:
    """The branch, the message and the commits that were asked for; the run's own when the request was changed
    since."""
    try:
        request = folder.read_request(request_digest(backend, run_id))
    except RunFolderChanged as error:
        tell(f"{error.message} The branch and the message are the run's own.")
        return run_branch(run_id), f"Changes of {run_id}\n", "one"
    return request.branch, request.message, request.commits


def pull_work(
    backend: Backend,
    home: Path,
    run_id: str,
    into: Path,
    branch: str | None,
    kept: str | None,
    tell: Tell,
) -> PushFacts | None:
    """Deliver a run's bundle to the clone that ``into`` is in, as it would be delivered to a remote.

    ``branch`` is the one to make, the run's own where it is None; ``kept`` names other work of the run.
    ``tell`` takes warnings. None for a run that changed nothing. Raises NotFoundError, UsageError, and what
    stands in the way of the branch.
    """
    folder = run_folder(backend.store(), check_run_id(run_id))
    agent = read_agent(folder)
    if agent is None:
        raise no_work(backend, run_id)
    if kept is None:
        _check_there_are_changes(agent, run_id)
    if not agent.facts.get("bundle"):
        return None
    return _deliver(backend, home, folder, agent, _Wish(run_id, into, branch, kept), tell)


def no_work(backend: Backend, run_id: str) -> StepherdError:
    """Why there is nothing to pull. Raises NoSuchRun where there is no run, either."""
    with backend.reading() as call:
        status = call("DescribeExecution", {"executionArn": backend.execution_arn(run_id)})["status"]
    if status == "RUNNING":
        return TemporaryError(
            f"Run {run_id} is still running, and its agent's work is not there yet.",
            remedy=Remedy(
                "Wait until it ends: ",
                ("watch", run_id),
                ". Or stop it, which keeps its work: ",
                ("stop", run_id),
            ),
        )
    return NotFoundError(
        f"Run {run_id} has no work to pull: it ended before its agent had done any.",
        remedy=Remedy("See why: ", ("status", run_id)),
    )


@dataclass(frozen=True, slots=True)
class _Wish:
    run_id: str
    into: Path
    branch: str | None
    kept: str | None


def _deliver(
    backend: Backend,
    home: Path,
    folder: RunFolder,
    agent: Result,
    wish: _Wish,
    tell: Tell,
) -> PushFacts:
    run_id, into, branch, kept = wish.run_id, wish.into, wish.branch, wish.kept
    own_branch, message, commits = _wanted(backend, folder, run_id, tell)
    warnings = _Warnings.of(agent, kept)
    if kept is None:
        manner, text = _of_the_work(commits, agent, warnings), own_message(message, agent, whole=True)
    else:
        manner, text = Manner("keep", kept=kept, warn=warnings.add), f"Work that was kept: {kept}\n"
    base_commit, base_ref = base_of(agent, folder)
    target = branch or (own_branch if kept is None else f"{own_branch}-{kept}")
    with (
        _or_remedy(run_id, target, kept, into),
        tempfile.TemporaryDirectory(prefix="pull-", dir=home) as temporary,
    ):
        scratch = Path(temporary)
        bundle = scratch / "changes.bundle"
        folder.store.download(str(agent.facts["bundle"]), bundle)
        identity = commit_identity(GitCredentials(), scratch)
        facts = push_bundle(
            parse_repository(top_of(into)),
            bundle,
            base_commit=base_commit,
            base_ref=base_ref,
            branch=target,
            # In a clone that is the one that is checked out, of which git has its own to say.
            allow_default_branch=True,
            message=text,
            author_name=identity.name,
            author_email=identity.email,
            when=datetime.fromisoformat(agent.finished),
            credentials=GitCredentials(),
            scratch=scratch,
            run_id=run_id,
            fetch=folder.fetch_content,
            manner=manner,
        )
    warnings.show(tell)
    return facts


def _of_the_work(commits: Commits, agent: Result, warnings: _Warnings) -> Manner:
    last = partial(commit_message, agent=agent, whole=True)
    return Manner(commits_of(commits, agent), last, warn=warnings.add, everything=True)


@contextmanager
def _or_remedy(run_id: str, branch: str, kept: str | None, into: Path) -> Iterator[None]:
    """Where the clone has no room for ``branch``, or lacks the base, say how the work can be had."""
    try:
        yield
    except CommitNotServed as error:
        top = top_of(into)
        raise CommitNotServed(
            f"{top} does not have the commit that the run began with, or has it on no branch.",
            remedy=f"Bring it up to date, then pull again: git -C {shlex.quote(top)} fetch --all",
            details=error.details,
        ) from None
    except (BranchCheckedOut, BranchTaken) as error:
        other = run_branch(run_id) if kept is None else f"{run_branch(run_id)}-{kept}"
        other = f"{other}-2" if other == branch else other
        which = () if kept is None else ("--kept", kept)
        take = ("pull", run_id, *which, "--branch", other)
        merge = f" && git merge {shlex.quote(other)}"
        raise type(error)(
            error.message, remedy=Remedy("Pull it into another branch, then merge it: ", take, merge)
        ) from None


@dataclass(slots=True)
class _Warnings:
    """Warnings about content that Stepherd would not push: findings of the agent's step, which knew the run's
    secrets, and those of a look at each commit now."""

    lines: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, agent: Result, kept: str | None) -> _Warnings:
        if kept is None:
            return cls([str(finding) for finding in left_out_of(agent.facts)])
        lines = agent.facts.get("kept") or ()
        found = (str(line.get("warning") or "") for line in lines if line.get("name") == kept)
        return cls([words for words in found if words])

    def add(self, findings: tuple[Finding, ...]) -> None:
        self.lines += [words for words in map(str, findings) if not any(words in line for line in self.lines)]

    def show(self, tell: Tell) -> None:
        for words in self.lines[:_MOST_WARNINGS]:
            tell(f"Look before you push this anywhere: {words}")
        if (more := len(self.lines) - _MOST_WARNINGS) > 0:
            tell(f"And {more} more, which the report names.")


def top_of(folder: Path) -> str:
    """The clone that a folder is in. Raises UsageError where it is in none."""
    here = Path(os.path.realpath(folder))
    for candidate in (here, *here.parents):
        if (candidate / ".git").exists():
            return str(candidate)
    raise UsageError(
        f"{here} is not inside a git clone.", remedy="Change into the clone, or name it with --into."
    )
