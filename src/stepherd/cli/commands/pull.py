"""``stepherd pull``: a run's changes as a branch of the current clone, no forge needed."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.errors import NotFoundError, UsageError
from stepherd.runs.folder import run_folder
from stepherd.runs.ids import check_run_id

if TYPE_CHECKING:
    from stepherd.repositories.push import Commits, Manner, PushFacts
    from stepherd.repositories.scan import Finding
    from stepherd.runs.folder import RunFolder
    from stepherd.runs.result import Result

__all__ = ["command"]

_MOST_WARNINGS = 20


@declared(
    "pull",
    examples=(
        "cd my-clone && stepherd pull RUN",
        "stepherd pull RUN --into my-clone --branch try-1",
        "stepherd pull RUN --kept fix",
    ),
)
@run_argument
@click.option("--branch", metavar="NAME", help="Branch to make. Default: the run's own.")
@click.option(
    "--into", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="The clone. Default: here."
)
@click.option("--kept", metavar="NAME", help="Other work that the report names, such as another branch.")
def command(call: Invocation, run_id: str, branch: str | None, into: Path, kept: str | None) -> int:
    """Bring a run's changes into the current clone as a branch.

    All of it, with what would not be pushed, of which it warns. The commit is made from the run's bundle;
    nothing is checked out and no hook runs. A second pull of the same run finds the branch as it is.
    """
    from stepherd.runs.attempts import read_agent

    folder = run_folder(call.backend.store(), check_run_id(run_id))
    agent = read_agent(folder)
    if agent is None:
        words = f"There is no work of a run '{run_id}' in {call.backend.title}."
        raise NotFoundError(words, remedy="See the runs there are: stepherd list")
    fields = {"run_id": run_id, "branch": None, "commit": None, "created": False}
    if kept is None:
        _check_there_are_changes(agent, run_id)
    if not agent.facts.get("bundle"):
        call.output.note(f"{run_id} changed nothing: there is nothing to pull.")
    else:
        facts = _pull(call, run_id, folder, agent, into, branch, kept)
        fields |= {"branch": facts.branch, "commit": facts.commit, "created": facts.created}
        if facts.note:
            call.output.note(facts.note)
        call.output.note(f"{'Made' if facts.created else 'Found'} {facts.branch} at {facts.commit[:12]}.")
        for found in facts.left_out:
            call.output.note(f"Not in it: {found}.")
        branch_word = shlex.quote(facts.branch)
        call.output.note(f"  look     git log -p {branch_word}\n  take     git switch {branch_word}")
    if call.output.as_json:
        call.output.json(fields)
    elif call.output.is_read and fields["branch"]:
        call.output.data(str(fields["branch"]))
    return 0


def _check_there_are_changes(agent: Result, run_id: str) -> None:
    from stepherd.runs.report_work import kept_lines

    lines = kept_lines(agent.facts) or kept_lines(agent.facts, superseded=True)
    if agent.facts.get("nothing_to_push") and lines and not agent.facts.get("left_out"):
        names = ", ".join(f"{line['name']} (from {line['from']})" for line in lines[:10])
        raise UsageError(
            f"The agent of {run_id} left the files as they were, and its work in: {names}.",
            remedy=f"Take one: stepherd pull {run_id} --kept {lines[0]['name']}",
        )


def _asked(call: Invocation, folder: RunFolder, run_id: str) -> tuple[str, str, Commits]:
    """The branch, the message and the commits that were asked for; the run's own when the request was changed
    since."""
    from stepherd.backends.prepared import request_digest
    from stepherd.repositories.refs import run_branch
    from stepherd.runs.digests import RunFolderChanged

    try:
        request = folder.read_request(request_digest(call.backend, run_id))
    except RunFolderChanged as error:
        call.output.note(f"{error.message} The branch and the message are the run's own.")
        return run_branch(run_id), f"Changes of {run_id}\n", "one"
    return request.branch, request.message, request.commits


def _pull(
    call: Invocation,
    run_id: str,
    folder: RunFolder,
    agent: Result,
    into: Path,
    branch: str | None,
    kept: str | None,
) -> PushFacts:
    """Deliver the bundle to the clone as it would be delivered to a remote."""
    from stepherd.repositories.address import parse_repository
    from stepherd.repositories.credentials import GitCredentials, commit_identity
    from stepherd.repositories.push import Manner, push_bundle
    from stepherd.steps.push import base_of, own_message

    asked, message, commits = _asked(call, folder, run_id)
    warnings = _Warnings.of(agent, kept)
    if kept is None:
        manner, text = _of_the_work(commits, agent, warnings), own_message(message, agent, whole=True)
    else:
        manner, text = Manner("keep", kept=kept, warn=warnings.add), f"Work that was kept: {kept}\n"
    base_commit, base_ref = base_of(agent, folder)
    target = branch or (asked if kept is None else f"{asked}-{kept}")
    with (
        _or_remedy(run_id, target, kept, into),
        tempfile.TemporaryDirectory(prefix="pull-", dir=call.home) as temporary,
    ):
        scratch = Path(temporary)
        bundle = scratch / "changes.bundle"
        folder.store.download(str(agent.facts["bundle"]), bundle)
        identity = commit_identity(GitCredentials(), scratch)
        facts = push_bundle(
            parse_repository(_top_of(into)),
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
    warnings.show(call)
    return facts


def _of_the_work(commits: Commits, agent: Result, warnings: _Warnings) -> Manner:
    from stepherd.repositories.push import Manner
    from stepherd.steps.push import commit_message, commits_of

    last = partial(commit_message, agent=agent, whole=True)
    return Manner(commits_of(commits, agent), last, warn=warnings.add, everything=True)


@contextmanager
def _or_remedy(run_id: str, branch: str, kept: str | None, into: Path) -> Iterator[None]:
    """Where the clone has no room for ``branch``, or lacks the base, say how the work can be had."""
    from stepherd.repositories.branch_room import BranchCheckedOut, BranchTaken
    from stepherd.repositories.refs import run_branch
    from stepherd.repositories.refusals import CommitNotServed

    try:
        yield
    except CommitNotServed as error:
        top = _top_of(into)
        raise CommitNotServed(
            f"{top} does not have the commit that the run began with, or has it on no branch.",
            remedy=f"Bring it up to date, then pull again: git -C {shlex.quote(top)} fetch --all",
            details=error.details,
        ) from None
    except (BranchCheckedOut, BranchTaken) as error:
        other = run_branch(run_id) if kept is None else f"{run_branch(run_id)}-{kept}"
        other = shlex.quote(f"{other}-2" if other == branch else other)
        which = "" if kept is None else f" --kept {shlex.quote(kept)}"
        take = f"stepherd pull {run_id}{which} --branch {other}"
        raise type(error)(
            error.message, remedy=f"Take it beside that, then merge it: {take} && git merge {other}"
        ) from None


@dataclass(slots=True)
class _Warnings:
    """What the taken work holds that Stepherd would not push: what the agent's step found, which knew the
    run's secrets, and what is found now in each commit."""

    lines: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, agent: Result, kept: str | None) -> _Warnings:
        from stepherd.steps.left_out import left_out_of

        if kept is None:
            return cls([str(finding) for finding in left_out_of(agent.facts)])
        lines = agent.facts.get("kept") or ()
        found = (str(line.get("warning") or "") for line in lines if line.get("name") == kept)
        return cls([words for words in found if words])

    def add(self, findings: tuple[Finding, ...]) -> None:
        self.lines += [words for words in map(str, findings) if not any(words in line for line in self.lines)]

    def show(self, call: Invocation) -> None:
        for words in self.lines[:_MOST_WARNINGS]:
            call.output.note(f"Look before you push this anywhere: {words}")
        if (more := len(self.lines) - _MOST_WARNINGS) > 0:
            call.output.note(f"And {more} more, which the report names.")


def _top_of(folder: Path) -> str:
    """The clone that a folder is in."""
    here = Path(os.path.realpath(folder))
    for candidate in (here, *here.parents):
        if (candidate / ".git").exists():
            return str(candidate)
    raise UsageError(
        f"{here} is not inside a git clone.", remedy="Change into the clone, or name it with --into."
    )
