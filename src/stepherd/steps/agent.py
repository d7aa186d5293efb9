"""The step ``agent``: the agent in its workspace, then what it changed as a bundle, whatever became of it."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from stepherd.agents.contract import Agent, AgentContext, Evidence, Launch, Outcome
from stepherd.agents.registry import get_agent
from stepherd.agents.watch import Limits, StopRequest
from stepherd.errors import ConfigurationError, InternalError, NotFoundError, StepherdError
from stepherd.events.vocabulary import FileChanged, Finished, Started
from stepherd.processes.account import (
    Account,
    agent_account,
    hide_this_process,
    leave_session_keyring,
)
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.way_out import proxy_secrets
from stepherd.runs.attempts import PastAttempt, latest_work, past_attempts, take_number
from stepherd.runs.folder import RunFolder
from stepherd.runs.request import Request
from stepherd.runs.result import Result
from stepherd.runs.spent import spent
from stepherd.services.program_path import hidden_program, hides
from stepherd.steps.agent_attempt import Attempt
from stepherd.steps.agent_budget import Budget, budget_of
from stepherd.steps.agent_credentials import AgentCredentials, read_agent_credentials
from stepherd.steps.agent_folders import AgentFolders
from stepherd.steps.agent_login import keep_login_database, place_login_database
from stepherd.steps.agent_root import agent_root
from stepherd.steps.agent_sandbox import agent_sandbox
from stepherd.steps.agent_session import keep_session, restore_session, restore_work
from stepherd.steps.agent_verify import SILENCE_SECONDS, passed_before
from stepherd.steps.changes import keep_changes, part_changes
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.deadline import seconds_in
from stepherd.steps.left_out import is_allowed_now, left_out_error
from stepherd.steps.outcome import result_of
from stepherd.steps.rounds import Round, verify_in_rounds
from stepherd.steps.termination import Interrupted
from stepherd.text.moments import now

__all__ = ["holds", "work"]

_LINGER_SECONDS: Final = 10.0
_NOTICE_SHARE: Final = 0.8
_MOST_FILE_EVENTS: Final = 200


def work(step: StepContext) -> Done:
    """Run the agent and the verify command, and keep the changes. A redrive continues the work so far; of an
    agent that did its work before, only the verify command is run again.

    Facts: agent {exit_code, ending, seconds, output_bytes, truncated, usage, said, details}, verify, note,
    base_commit, base_ref, attempt (whose work it is), transcript, and those of the changes. An agent that
    failed or was interrupted is an error with facts.
    """
    agent = get_agent(step.request.agent)
    agent.check(step.request.command)
    past = past_attempts(step.folder)
    done = _done_before(step.request, past)
    if done is not None:
        return done
    earlier = latest_work(past)
    # Both are asked before anything is paid for.
    if earlier is None or not earlier.is_good:
        _check_binaries(agent, step.request.env.get("PATH"))
        budget_of(step.request, spent(step.folder, past))
    account = agent_account()
    cloned = step.folder.read_result("clone")
    if cloned is None or not cloned.succeeded:
        raise NotFoundError("There is no clone to work on.", remedy="Run the step clone first.")
    # From here on there are secrets, and then a process that is not ours: it must not read this one.
    hide_this_process()
    leave_session_keyring()
    credentials = read_agent_credentials(agent, step.request)
    with agent_root(step, agent, account) as root:
        digest = os.environ.get("STEPHERD_INSTRUCTIONS_DIGEST")
        folders = AgentFolders.build(root, step.folder, str(cloned.facts["base_commit"]), digest)
        return _attempt(step, agent, account, credentials, folders, cloned, past)


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Always: an agent's work is never paid for twice."""
    return True


def _done_before(request: Request, past: Sequence[PastAttempt]) -> Done | None:
    """The result of an attempt that died after its work was done but before the step had written its own."""
    earlier = latest_work(past)
    if earlier is None or earlier.result is None or not earlier.is_good:
        return None
    facts = {**earlier.result.facts, "attempt": earlier.number}
    if is_allowed_now(facts, request):
        return None
    error = left_out_error(facts, request)
    if request.verify is None:
        return Done(facts, error)
    passed = passed_before(past, earlier, request.verify)
    return None if passed is None else Done({**facts, "verify": passed}, error)


def _attempt(
    step: StepContext,
    agent: Agent,
    account: Account | None,
    credentials: AgentCredentials,
    folders: AgentFolders,
    cloned: Result,
    past: Sequence[PastAttempt],
) -> Done:
    # As it was before the agent began: what the folder says of it later may be the agent's own.
    base = {name: str(cloned.facts[name]) for name in ("base_commit", "base_ref")}
    stop = StopRequest()
    with place_login_database(agent, folders) as login, step.termination.handed_to(stop):
        of_login = login.secrets if login else ()
        step.redactor.learn((*credentials.secrets, *of_login, *proxy_secrets(())))
        sandbox = agent_sandbox(step, agent, folders, account, credentials.keys, stop.pause)
        keys = take_number(step.folder, step.attempt)
        attempt = Attempt.begin(step, folders, stop, account, step.redactor, keys, sandbox)
        attempt.variables = credentials.given
        attempt.empty_submodules = str(cloned.facts.get("empty_submodules", ""))
        if login:
            attempt.transcript.before = lambda: login.look(step.redactor.learn)
        try:
            return _run(attempt, agent, credentials, base, past)
        except StepherdError as error:
            attempt.tell("agent", Finished("agent", "failed", text=error.message))
            raise
        finally:
            attempt.close()


def _run(
    attempt: Attempt,
    agent: Agent,
    credentials: AgentCredentials,
    base: Mapping[str, str],
    past: Sequence[PastAttempt],
) -> Done:
    step, earlier = attempt.step, latest_work(past)
    if earlier is not None and earlier.bundle is not None:
        restore_work(step, attempt.folders, base["base_commit"], earlier.bundle)
    if earlier is not None and earlier.result is not None and earlier.is_good:
        found = _good_before(attempt, base, earlier.result.facts, earlier.number)
        if step.request.verify is not None and step.request.verify_rounds:
            _prepare_home(attempt, agent, credentials, past)
    else:
        budget = budget_of(step.request, spent(step.folder, past))
        _prepare_home(attempt, agent, credentials, past)
        found = _agent_alone(attempt, agent, credentials, base, earlier, budget, resume=attempt.ready())
        step.folder.write_result_at(attempt.keys.result, result_of(step, "agent", attempt.started, found))
    error, verified = found.error, {}
    if error is None and step.request.verify is not None:
        again = _again(attempt, agent, credentials, base, past)
        done = verify_in_rounds(attempt, step.request.verify, found, again, past)
        found, verified, error = done.found, {"verify": done.verify}, done.error
    facts = {**found.facts, **verified}
    notes = [facts.pop("note", None)]
    error = error or left_out_error(facts, step.request)
    if error is not None:
        # A redriven agent continues from here.
        redactor = attempt.transcript.redactor
        notes.append(keep_session(step, agent, attempt.folders, redactor, attempt.keys.session))
    notes += [attempt.unproven, attempt.folders.note()]
    if attempt.sandbox is not None:
        facts.update(attempt.sandbox.facts())
        notes.append(attempt.sandbox.note())
    note = " ".join(note for note in notes if note)
    return Done({**facts, "note": note} if note else facts, error)


def _again(
    attempt: Attempt,
    agent: Agent,
    credentials: AgentCredentials,
    base: Mapping[str, str],
    past: Sequence[PastAttempt],
) -> Callable[[Round], Done]:
    """Return a function that starts the agent once more in this attempt, in the same session."""

    def again(wanted: Round) -> Done:
        step, folders, earlier = attempt.step, attempt.folders, latest_work(past)
        attempt.let_go()  # The verify command may have given others a way into them, too.
        folders.renew_instructions(
            step.folder, os.environ.get("STEPHERD_INSTRUCTIONS_DIGEST"), wanted.feedback
        )
        (folders.private / "changes.bundle").unlink(missing_ok=True)
        attempt.transcript.lines.clear()
        attempt.usage = {}
        resume = bool(agent.session_paths) if attempt.agent_ran else attempt.ready()
        return _agent_alone(
            attempt, agent, credentials, base, earlier, wanted.budget, resume=resume, again=wanted
        )

    return again


def _good_before(attempt: Attempt, base: Mapping[str, str], facts: Mapping[str, Any], number: int) -> Done:
    """The result for an earlier attempt's work, which is in the workspace again; with newly allowed paths."""
    if facts.get("bundle") is None or not is_allowed_now(facts, attempt.step.request):
        return Done({**base, **facts, "attempt": number})
    step, keys = attempt.step, attempt.keys
    parted = part_changes(step, attempt.folders, base["base_commit"], facts, keys.bundle)
    done = Done({**base, **parted, "attempt": keys.number})
    step.folder.write_result_at(keys.result, result_of(step, "agent", attempt.started, done))
    return done


def _agent_alone(
    attempt: Attempt,
    agent: Agent,
    credentials: AgentCredentials,
    base: Mapping[str, str],
    earlier: PastAttempt | None,
    budget: Budget,
    *,
    resume: bool,
    again: Round | None = None,
) -> Done:
    """The agent, and what it changed: all of it before the verify command, because what tests leave behind is
    not the agent's work."""
    request = attempt.step.request
    launch = _launch(attempt, agent, credentials, budget, resume=resume, again=again)
    limits = _limits(request, budget, request.timeout_seconds if again is None else again.seconds)
    attempt.tell("agent", Started("agent", _shown(launch), limits.seconds, model=request.model))
    attempt.step.folder.write_object(attempt.keys.agent, {"started": now()})
    evidence = attempt.supervise("agent", launch, limits, agent.reader(), credentials.variables)
    if attempt.stop.asked:
        _prepare_for_a_kill(attempt, base, earlier)
    attempt.folders.take(attempt.account)
    attempt.show_usage()
    attempt.learn()
    attempt.let_go()
    if again is not None:
        again.tidy()
    kept = keep_changes(attempt.step, attempt.folders, base["base_commit"], attempt.keys.bundle)
    evidence = attempt.with_changes(evidence, kept)
    _tell_files(attempt, kept)
    outcome = _judgement(agent, evidence)
    _tell_end(attempt, evidence, outcome)
    notes = [kept.get("note"), keep_login_database(attempt.step, agent, attempt.folders)]
    note = " ".join(note for note in notes if note)
    facts = {
        **base,
        "attempt": attempt.keys.number,
        "transcript": attempt.keys.transcript,
        "agent": attempt.facts_of(evidence),
        **kept,
        **({"note": note} if note else {}),
    }
    return Done(facts, _error_of(outcome))


def _prepare_for_a_kill(attempt: Attempt, base: Mapping[str, str], earlier: PastAttempt | None) -> None:
    """Say what will be true when this task is killed before it has recorded the work: whoever stops it gives
    it some time for that, and no more. The step's own result is written over this one."""
    before = {} if earlier is None or earlier.result is None else earlier.result.facts
    error = Interrupted(
        f"The agent was stopped, and its task ran out of time before the work of attempt "
        f"{attempt.keys.number} was recorded. That work is lost.",
        remedy=Remedy("Continue from the work before that: ", ("redrive", RUN)),
    )
    result = result_of(attempt.step, "agent", attempt.started, Done({**base, **before}, error))
    attempt.step.folder.write_result(result)


def _launch(
    attempt: Attempt,
    agent: Agent,
    credentials: AgentCredentials,
    budget: Budget,
    *,
    resume: bool,
    again: Round | None,
) -> Launch:
    """The agent's plan of its start; after that, its folders belong to its own account."""
    context = replace(
        _context(attempt, agent, credentials, resume=resume),
        max_turns=budget.turns,
        max_cost_usd=budget.cost_usd,
        feedback=again.feedback if again is not None else "",
    )
    attempt.agent_ran = True
    launch = agent.plan(context)
    attempt.folders.give(attempt.account)
    return launch


def _context(attempt: Attempt, agent: Agent, credentials: AgentCredentials, *, resume: bool) -> AgentContext:
    request, folders = attempt.step.request, attempt.folders
    return AgentContext(
        request.run_id,
        folders.workspace,
        folders.instructions,
        request.command,
        home=folders.home,
        model=request.model,
        secrets=credentials.keys,
        session=_session_of(request.run_id) if agent.session_paths else "",
        resume=resume,
        empty_submodules=attempt.empty_submodules,
    )


def _prepare_home(
    attempt: Attempt, agent: Agent, credentials: AgentCredentials, past: Sequence[PastAttempt]
) -> None:
    """Write what the agent finds in its home, before anything that is not ours has run in there: an agent,
    and a verify command as well, may leave a link where settings would be written.

    An error is raised by ``attempt.ready`` alone: where the verify command passes, no agent is needed.
    """
    session = next((one.session for one in reversed(past) if one.session is not None), None)
    try:
        resume = restore_session(attempt.step, agent, attempt.folders, session)
        agent.prepare(_context(attempt, agent, credentials, resume=resume))
    except StepherdError as error:
        attempt.prepared = error
    else:
        attempt.prepared = resume


def _session_of(run_id: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"stepherd:{run_id}"))


def _limits(request: Request, budget: Budget, seconds: float) -> Limits:
    return Limits(
        seconds,
        request.silence_seconds or seconds_in("STEPHERD_SILENCE_SECONDS", SILENCE_SECONDS),
        children_break_silence=request.silence_seconds is None,
        turns=budget.turns,
        cost_usd=budget.cost_usd,
        linger_seconds=seconds_in("STEPHERD_LINGER_SECONDS", _LINGER_SECONDS),
        notice_share=_NOTICE_SHARE,
    )


def _judgement(agent: Agent, evidence: Evidence) -> Outcome:
    if evidence.reader_error is None:
        try:
            return agent.judge(evidence)
        except Exception as error:  # noqa: BLE001 - the agent's work must not be lost for it
            traceback.print_exc()
            reason = repr(error)
    else:
        reason = evidence.reader_error
    return Outcome(
        "failed",
        InternalError(
            f"The output of the agent '{agent.name}' could not be judged: {reason}.",
            remedy="Please report it.",
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


def _shown(launch: Launch) -> tuple[str, ...]:
    """The command line, of which some agents get their whole instructions."""
    return tuple(word if len(word) <= 200 else f"{word[:199]}…" for word in launch.argv[:50])


def _check_binaries(agent: Agent, given_path: str | None) -> None:
    for binary in agent.binaries:
        found = shutil.which(binary)
        if found is None:
            raise ConfigurationError(
                f"The agent '{agent.name}' needs the program '{binary}', which is not installed here.",
                remedy="Install it, or choose another --agent.",
            )
        if given_path is not None and hides(given_path, binary):
            raise hidden_program(f"The agent '{agent.name}'", binary, found)
