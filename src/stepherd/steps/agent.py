"""The step ``agent``: the agent in its workspace, then what it changed as a bundle, whatever became of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, Final

from stepherd.agents.contract import Agent, AgentContext, Evidence, Launch, Outcome
from stepherd.agents.registry import get_agent
from stepherd.agents.watch import Limits, StopRequest
from stepherd.errors import ConfigurationError, InternalError, NotFoundError, StepherdError
from stepherd.processes.account import Account, agent_account, hide_this_process
from stepherd.runs.events import FileChanged, Finished, Started
from stepherd.runs.folder import RunFolder
from stepherd.runs.request import Request
from stepherd.runs.result import Result, Status
from stepherd.steps.agent_attempt import Attempt
from stepherd.steps.agent_credentials import AgentCredentials, read_agent_credentials
from stepherd.steps.agent_login import keep_login_database, place_login_database
from stepherd.steps.agent_place import Place
from stepherd.steps.agent_root import agent_root
from stepherd.steps.agent_sandbox import agent_sandbox
from stepherd.steps.agent_session import keep_session, restore_session
from stepherd.steps.changes import keep_changes
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.deadline import seconds_in
from stepherd.steps.termination import Interrupted
from stepherd.steps.verification import judge_verify, verify_facts

__all__ = ["holds", "work"]

_SILENCE_SECONDS: Final = 1800.0
_LINGER_SECONDS: Final = 10.0
_NOTICE_SHARE: Final = 0.8
_MOST_FILE_EVENTS: Final = 200


def work(step: StepContext) -> Done:
    """Run the agent and the verify command, and keep the changes.

    Facts: agent {exit_code, ending, seconds, output_bytes, truncated, usage, said, details}, verify, note,
    base_commit, base_ref, and those of the changes. An agent that failed or was interrupted is an error with
    facts.
    """
    agent = get_agent(step.request.agent)
    agent.check(step.request.command)
    _check_binaries(agent)
    account = agent_account()
    cloned = step.folder.read_result("clone")
    if cloned is None or not cloned.succeeded:
        raise NotFoundError("There is no clone to work on.", remedy="Run the step clone first.")
    # From here on there are secrets, and then a process that is not ours: it must not read this one.
    hide_this_process()
    credentials = read_agent_credentials(agent, step.request)
    with agent_root(step, agent, account) as root:
        place = Place.build(root, step.folder, os.environ.get("STEPHERD_INSTRUCTIONS_DIGEST"))
        return _attempt(step, agent, account, credentials, place, cloned)


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Always: an agent's work is never paid for twice."""
    return True


def _attempt(
    step: StepContext,
    agent: Agent,
    account: Account | None,
    credentials: AgentCredentials,
    place: Place,
    cloned: Result,
) -> Done:
    # As it was before the agent began: what the folder says of it later may be the agent's own.
    base = {name: str(cloned.facts[name]) for name in ("base_commit", "base_ref")}
    stop = StopRequest()
    with place_login_database(agent, place) as login, step.termination.handed_to(stop):
        of_login = login.secrets if login else ()
        step.redactor.learn((*credentials.secrets, *of_login))
        sandbox = agent_sandbox(step, agent, place, account, credentials.variables, stop.pause)
        attempt = Attempt.begin(step, place, stop, account, step.redactor, sandbox)
        if login:
            attempt.transcript.before = lambda: login.look(step.redactor.learn)
        try:
            done = _run(attempt, agent, credentials, base["base_commit"])
            return Done({**base, **done.facts}, done.error)
        except StepherdError as error:
            attempt.tell("agent", Finished("agent", "failed", text=error.message))
            raise
        finally:
            attempt.close()


def _run(attempt: Attempt, agent: Agent, credentials: AgentCredentials, base_commit: str) -> Done:
    request = attempt.step.request
    resume = restore_session(attempt.step, agent, attempt.place, base_commit)
    launch = _launch(attempt, agent, credentials, resume=resume)
    limits = _limits(request)
    attempt.tell("agent", Started("agent", _shown(launch), limits.seconds, model=request.model))
    evidence = attempt.supervise("agent", launch, limits, agent.reader(), credentials.variables)
    attempt.place.take(attempt.account)
    attempt.show_usage()
    attempt.learn()
    # Before the verify command: what tests leave behind is not the agent's work.
    kept = keep_changes(attempt.step, attempt.place, base_commit)
    evidence = attempt.with_changes(evidence, kept)
    _tell_files(attempt, kept.facts)
    outcome = _judgement(agent, evidence)
    _tell_end(attempt, evidence, outcome)
    notes = [keep_login_database(attempt.step, agent, attempt.place)]
    error = _error_of(outcome) or kept.error
    facts = {"agent": attempt.facts_of(evidence), **kept.facts}
    if error is None and request.verify is not None:
        facts["verify"], error = _verify(attempt, request.verify)
    if error is not None:
        # A redriven agent goes on from here.
        redactor = attempt.transcript.redactor
        notes.append(keep_session(attempt.step, agent, attempt.place, redactor))
    notes.append(attempt.unproven)
    if attempt.sandbox is not None:
        facts.update(attempt.sandbox.facts())
        notes.append(attempt.sandbox.note())
    note = " ".join(note for note in notes if note)
    return Done({**facts, "note": note} if note else facts, error)


def _launch(attempt: Attempt, agent: Agent, credentials: AgentCredentials, *, resume: bool) -> Launch:
    """What the agent plans, once it has prepared its home, which is then its own account's."""
    request, place = attempt.step.request, attempt.place
    context = AgentContext(
        request.run_id,
        place.workspace,
        place.instructions,
        request.command,
        home=place.home,
        model=request.model,
        max_turns=request.max_turns,
        max_cost_usd=request.max_cost_usd,
        secrets=credentials.variables,
        session=_session_of(request.run_id) if agent.session_paths else "",
        resume=resume,
    )
    agent.prepare(context)
    launch = agent.plan(context)
    place.give(attempt.account)
    return launch


def _session_of(run_id: str) -> str:
    from uuid import NAMESPACE_URL, uuid5

    return str(uuid5(NAMESPACE_URL, f"stepherd:{run_id}"))


def _limits(request: Request) -> Limits:
    return Limits(
        request.timeout_seconds,
        request.silence_seconds or seconds_in("STEPHERD_SILENCE_SECONDS", _SILENCE_SECONDS),
        children_break_silence=request.silence_seconds is None,
        turns=request.max_turns,
        cost_usd=request.max_cost_usd,
        linger_seconds=seconds_in("STEPHERD_LINGER_SECONDS", _LINGER_SECONDS),
        notice_share=_NOTICE_SHARE,
    )


def _judgement(agent: Agent, evidence: Evidence) -> Outcome:
    if evidence.reader_error is None:
        try:
            return agent.judge(evidence)
        except Exception as error:  # noqa: BLE001 - the agent's work must not be lost for it
            import traceback

            traceback.print_exc()
            reason = repr(error)
    else:
        reason = evidence.reader_error
    return Outcome(
        "failed",
        InternalError(
            f"What the agent '{agent.name}' said could not be judged: {reason}.", remedy="Please report it."
        ),
    )


def _tell_files(attempt: Attempt, facts: Mapping[str, Any]) -> None:
    for file in facts["files"][:_MOST_FILE_EVENTS]:
        attempt.tell("agent", FileChanged(file["path"], file["status"], file["added"], file["deleted"]))


def _tell_end(attempt: Attempt, evidence: Evidence, outcome: Outcome) -> None:
    said = None if outcome.error is None else outcome.error.message
    attempt.tell(
        "agent",
        Finished("agent", outcome.status, evidence.ending, evidence.exit_code, evidence.seconds, said),
    )


def _error_of(outcome: Outcome) -> StepherdError | None:
    if outcome.status == "interrupted" and outcome.error is not None:
        return Interrupted(outcome.error.message, remedy=outcome.error.remedy)
    return outcome.error


def _verify(attempt: Attempt, command: str) -> tuple[Mapping[str, Any], StepherdError | None]:
    from stepherd.agents.command_line import split_command

    request = attempt.step.request
    attempt.transcript.lines.clear()
    launch = Launch(split_command(command, "--verify"))
    silence = seconds_in("STEPHERD_SILENCE_SECONDS", _SILENCE_SECONDS)
    limits = Limits(request.verify_seconds, silence, children_break_silence=True)
    attempt.tell("verify", Started("verify", launch.argv, limits.seconds))
    attempt.place.give(attempt.account)
    evidence = attempt.supervise("verify", launch, limits)
    attempt.place.take(attempt.account)
    facts = verify_facts(command, evidence)
    error = judge_verify(command, evidence, required=request.verify_required)
    outcome: Status = "succeeded" if facts["status"] == "passed" else "failed"
    if evidence.ending == "interrupted":
        outcome = "interrupted"
    attempt.tell("verify", Finished("verify", outcome, evidence.ending, evidence.exit_code, evidence.seconds))
    return facts, error


def _shown(launch: Launch) -> tuple[str, ...]:
    """The command line, of which some agents get their whole instructions."""
    return tuple(word if len(word) <= 200 else f"{word[:199]}…" for word in launch.argv[:50])


def _check_binaries(agent: Agent) -> None:
    for binary in agent.binaries:
        if shutil.which(binary) is None:
            raise ConfigurationError(
                f"The agent '{agent.name}' needs the program '{binary}', which is not installed here.",
                remedy="Install it, or choose another --agent.",
            )
