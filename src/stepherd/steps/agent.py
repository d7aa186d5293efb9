"""The step ``agent``: the agent in its workspace, then what it changed as a bundle, whatever became of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.agents.account import adopt_orphans, agent_account, hide_this_process
from stepherd.agents.contract import Agent, AgentContext, Evidence, Launch, Outcome
from stepherd.agents.environment import agent_environment
from stepherd.agents.output import Transcript
from stepherd.agents.registry import get_agent
from stepherd.agents.supervisor import Limits, StopRequest, supervise
from stepherd.errors import ConfigurationError, NotFoundError, StepherdError
from stepherd.runs.folder import EVENTS, TRANSCRIPT, RunFolder
from stepherd.runs.result import Result, now
from stepherd.services.store import ObjectNotFound
from stepherd.steps.agent_place import Place
from stepherd.steps.changes import keep_changes
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.termination import Interrupted
from stepherd.steps.verification import judge_verify, verify_facts

if TYPE_CHECKING:
    from stepherd.agents.account import Account

__all__ = ["holds", "work"]

_SILENCE_SECONDS: Final = 1800.0


def work(step: StepContext) -> Done:
    """Run the agent and the verify command, and keep the changes.

    Facts: agent {exit_code, ending, seconds, output_bytes, truncated}, verify, and those of the changes.
    An agent that failed or was interrupted is an error with facts.
    """
    agent = get_agent(step.request.agent)
    _check_binaries(agent)
    cloned = step.folder.read_result("clone")
    if cloned is None or not cloned.succeeded:
        raise NotFoundError("There is no clone to work on.", remedy="Run the step clone first.")
    account = agent_account()
    place = Place.build(step.scratch, step.folder, account)
    # From here on a process that is not ours runs: it must neither read this one nor outlive it.
    hide_this_process()
    adopt_orphans()
    stop = StopRequest()
    with step.termination.handed_to(stop):
        session = _Session.open(step, place, stop, account)
        try:
            return _run(session, agent, str(cloned.facts["base_commit"]))
        finally:
            session.close()


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Always: an agent's work is never paid for twice."""
    return True


@dataclass(frozen=True, slots=True)
class _Session:
    """One agent's time in its place."""

    step: StepContext
    place: Place
    stop: StopRequest
    account: Account | None
    transcript: Transcript
    events: list[dict[str, Any]]

    @classmethod
    def open(cls, step: StepContext, place: Place, stop: StopRequest, account: Account | None) -> _Session:
        """With a transcript that also goes to this step's own output."""
        transcript = Transcript.create(place.private / "transcript.jsonl", _show)
        return cls(step, place, stop, account, transcript, [])

    def tell(self, what: str, **facts: Any) -> None:
        """An event for events.jsonl."""
        self.events.append({"at": now(), "event": what, **facts})

    def supervise(self, name: str, launch: Launch, seconds: float) -> Evidence:
        """Run one process in the workspace, contained."""
        environment = agent_environment(
            run_id=self.step.request.run_id,
            home=self.place.home,
            scratch=self.place.temporary,
            instructions=self.place.instructions,
            extra={},
        )
        self.tell(f"{name}.started", argv=list(launch.argv), limit_seconds=seconds)
        silence = float(os.environ.get("STEPHERD_SILENCE_SECONDS") or _SILENCE_SECONDS)
        evidence = supervise(
            launch,
            name=name,
            environment=environment,
            folder=self.place.workspace,
            limits=Limits(seconds, silence),
            transcript=self.transcript,
            stop=self.stop,
            account=self.account,
        )
        self.tell(
            f"{name}.ended", ending=evidence.ending, exit_code=evidence.exit_code, seconds=evidence.seconds
        )
        return evidence

    def close(self) -> None:
        """Put the transcript and the events into the run folder."""
        self.transcript.close()
        store = self.step.folder.store
        store.upload(self.place.private / "transcript.jsonl", TRANSCRIPT)
        try:
            before = store.get(EVENTS).body
        except ObjectNotFound:
            before = b""
        lines = "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in self.events)
        store.put(EVENTS, before + lines.encode("utf-8", "replace"))
        self.stop.close()


def _run(session: _Session, agent: Agent, base_commit: str) -> Done:
    request = session.step.request
    context = AgentContext(
        request.run_id, session.place.workspace, session.place.instructions, request.command
    )
    evidence = session.supervise("agent", agent.plan(context), request.timeout_seconds)
    session.place.take(session.account)
    outcome = agent.judge(evidence)
    # Before the verify command: what tests leave behind is not the agent's work.
    kept = keep_changes(session.step, session.place, base_commit)
    session.tell("changes.kept", **kept.facts.get("totals", {}))
    error = _error_of(outcome) or kept.error
    facts = {"agent": _agent_facts(evidence, session.transcript), **kept.facts}
    if error is None and request.verify is not None:
        facts["verify"], error = _verify(session, request.verify)
    return Done(facts, error)


def _error_of(outcome: Outcome) -> StepherdError | None:
    if outcome.status == "interrupted" and outcome.error is not None:
        return Interrupted(outcome.error.message, remedy=outcome.error.remedy)
    return outcome.error


def _verify(session: _Session, command: str) -> tuple[Mapping[str, Any], StepherdError | None]:
    from stepherd.agents.command_line import split_command

    request = session.step.request
    session.transcript.lines.clear()
    launch = Launch(split_command(command, "--verify"))
    session.place.give(session.account)
    evidence = session.supervise("verify", launch, request.verify_seconds)
    session.place.take(session.account)
    return verify_facts(command, evidence), judge_verify(command, evidence, required=request.verify_required)


def _agent_facts(evidence: Evidence, transcript: Transcript) -> dict[str, Any]:
    return {
        "exit_code": evidence.exit_code,
        "ending": evidence.ending,
        "seconds": evidence.seconds,
        "output_bytes": transcript.bytes_seen,
        "truncated": transcript.truncated,
    }


def _check_binaries(agent: Agent) -> None:
    for binary in agent.binaries:
        if shutil.which(binary) is None:
            raise ConfigurationError(
                f"The agent '{agent.name}' needs the program '{binary}', which is not installed here.",
                remedy="Install it, or choose another --agent.",
            )


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
