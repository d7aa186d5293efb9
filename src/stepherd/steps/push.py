"""The step ``push``: the agent's bundle as one commit on the run's branch, proven by the remote."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from stepherd.errors import NotFoundError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.allow import parse_allow
from stepherd.repositories.commit_plan import as_one
from stepherd.repositories.credentials import commit_identity
from stepherd.repositories.links import compare_link
from stepherd.repositories.message import partial_message
from stepherd.repositories.push import Commits, Manner, PushFacts, push_bundle
from stepherd.repositories.refs import run_branch
from stepherd.repositories.scan import ChangesBlocked
from stepherd.runs.attempts import read_agent
from stepherd.runs.folder import LFS_CONTENTS, RunFolder
from stepherd.runs.result import Failure, Result
from stepherd.steps.changes import check_not_blocked
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.credentials import git_credentials
from stepherd.steps.left_out import blocks, facts_of_left_out, left_out_of
from stepherd.steps.verification import VerifyFailed
from stepherd.text.plain import one_paragraph

__all__ = ["base_of", "commit_message", "commits_of", "holds", "own_message", "work"]

_LONGEST_SUMMARY: Final = 2000
_COLUMNS: Final = 72

_MOST_NAMED: Final = 10


def work(step: StepContext) -> Done:
    """Push what the agent left. Without a change there is nothing to do, and that is a success.

    Facts: agent_finished (which work this is about), and after a push branch, commit, partial, compare, and
    left_out. Content that must not be pushed and that the agent's step did not find is left out; then it
    fails.
    """
    agent = read_agent(step.folder)
    if agent is None:
        # The agent's step died before it could keep anything.
        return Done({"agent_finished": None})
    about = {"agent_finished": agent.finished}
    if not agent.facts.get("bundle") or agent.facts.get("nothing_to_push"):
        return Done(about)
    check_not_blocked(agent)
    bundle = step.scratch / "changes.bundle"
    step.folder.store.download(str(agent.facts["bundle"]), bundle)
    base_commit, base_ref = base_of(agent, step.folder)
    pushed = _push(step, bundle, base_commit, base_ref, agent)
    repository = parse_repository(step.request.repo, allow_local=step.allow_local)
    link = compare_link(repository, base_ref, pushed.branch)
    before = step.folder.read_result("push")
    return Done(
        {
            **about,
            **_notes(before, pushed, agent, step.folder),
            **facts_of_left_out((*left_out_of(agent.facts), *pushed.left_out)),
            "branch": pushed.branch,
            "commit": pushed.commit,
            "partial": not agent.succeeded or bool(pushed.unfit),
            "compare": link,
        },
        # The rest is on the branch; that it is not all of the work is what the run ends with.
        ChangesBlocked(pushed.unfit) if pushed.unfit else None,
    )


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Never: an agent on a laptop can write such a result itself, so the remote is asked each time.

    A commit that was pushed before is found there and not pushed again.
    """
    return False


def base_of(agent: Result, folder: RunFolder) -> tuple[str, str]:
    """The base of the agent's bundle: a commit, and the ref that led to it.

    The agent's step says so. The clone's result counts only for an agent's step of an earlier version,
    because the agent may have changed it since. Raises NotFoundError when neither says so.
    """
    source: Result | None = agent if "base_commit" in agent.facts else folder.read_result("clone")
    if source is None:
        raise NotFoundError("There is no result of the step clone.", remedy="Run the step clone first.")
    return str(source.facts["base_commit"]), str(source.facts["base_ref"])


def commit_message(message: str, agent: Result, *, whole: bool = False) -> str:
    """The request's message, or one that says that the work is partial, and why. ``whole``: nothing of it is
    left out."""
    missing = [] if whole else blocks(left_out_of(agent.facts))
    why = ChangesBlocked(missing).message if missing else ""
    if not agent.succeeded and (agent.error is None or agent.error.category != ChangesBlocked.category):
        why = f"{_why_partial(agent.error)}\n\n{why}"
    return partial_message(message, why) if why else message


def _why_partial(error: Failure | None) -> str:
    if error is not None and error.category == VerifyFailed.category:
        return error.message  # The agent has finished; its work is not good.
    return f"The agent did not finish: {error.message if error is not None else 'it was interrupted'}"


def own_message(message: str, agent: Result, *, whole: bool = False) -> str:
    """The message of the commit that is the run's own: ``commit_message`` with what the agent said last. The
    push cleans it."""
    return commit_message(_with_summary(message, agent), agent, whole=whole)


def commits_of(requested: Commits, agent: Result) -> Commits:
    """The request's way, or one commit where the agent's step has found that its commits are not fit: it
    alone knew the agent's secrets."""
    return "one" if agent.facts.get("commits_unfit") else requested


def _with_summary(message: str, agent: Result) -> str:
    told = agent.facts.get("agent")
    said = told.get("said") if isinstance(told, Mapping) else None
    if not isinstance(said, str) or not said.strip() or said.strip() in message:
        return message
    lines = textwrap.wrap(
        one_paragraph(said, _LONGEST_SUMMARY), _COLUMNS, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join([message.rstrip(), "", *lines]) + "\n"


def _notes(before: Result | None, pushed: PushFacts, agent: Result, folder: RunFolder) -> dict[str, str]:
    notes = []
    same = before is not None and before.facts.get("commit") == pushed.commit
    if before is not None and same and before.facts.get("partial") and agent.succeeded:
        notes.append("The finished work is the same as the partial work: its commit stays, with its message.")
    why = agent.facts.get("commits_unfit")
    if note := as_one(str(why)) if why else pushed.note:
        notes.append(note)
    if pushed.unrun_hooks:
        hooks = ", ".join(pushed.unrun_hooks)
        notes.append(f"Hooks that were not run, because the repository is on this machine: {hooks}.")
    missing = [finding for finding in pushed.left_out if finding not in pushed.unfit]
    if missing:
        named = "; ".join(map(str, missing[:_MOST_NAMED]))
        more = f"; and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        where = folder.address_of(LFS_CONTENTS)
        notes.append(f"Not pushed: {named}{more}. The run keeps its content in {where}, by its SHA-256.")
    return {"note": " ".join(notes)} if notes else {}


def _push(step: StepContext, bundle: Path, base_commit: str, base_ref: str, agent: Result) -> PushFacts:
    request = step.request
    credentials = git_credentials(request)
    step.redactor.learn(credentials.secrets)
    identity = commit_identity(credentials, step.scratch)
    return push_bundle(
        parse_repository(request.repo, allow_local=step.allow_local),
        bundle,
        base_commit=base_commit,
        base_ref=base_ref,
        branch=request.branch,
        message=own_message(request.message, agent),
        manner=Manner(commits_of(request.commits, agent), lambda message: commit_message(message, agent)),
        author_name=identity.name,
        author_email=identity.email,
        # The agent's end, not now: a second try makes the same commit and finds it on the remote.
        when=datetime.fromisoformat(agent.finished),
        credentials=credentials,
        scratch=step.scratch,
        allow_default_branch=request.branch != run_branch(request.run_id),
        run_id=request.run_id,
        known_secrets=step.redactor.known,
        refuse_automation=request.automation_changes == "refuse",
        allow=parse_allow(request.allow),
        fetch=step.folder.fetch_content,
        handed=step.folder.fetch_workspace,
    )
