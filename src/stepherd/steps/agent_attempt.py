"""One attempt at a run's work: its place, its output, its events."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from stepherd.agents.contract import AgentFailed, Evidence, Launch, Reader
from stepherd.agents.environment import agent_environment
from stepherd.agents.output import Transcript
from stepherd.agents.supervisor import supervise
from stepherd.agents.watch import Limits, StopRequest
from stepherd.errors import InternalError, StepherdError
from stepherd.events.recording import Recorder
from stepherd.events.text import readable
from stepherd.events.vocabulary import Event, Message, Usage
from stepherd.processes.launcher import ProcessLauncher
from stepherd.processes.tree import Launcher, Proof
from stepherd.remedies import RUN, Remedy
from stepherd.runs.attempts import AttemptKeys
from stepherd.runs.report_page import usage_text
from stepherd.services.fresh_folders import FoldersChanged
from stepherd.services.redaction import Redactor
from stepherd.steps.agent_folders import AgentFolders
from stepherd.steps.contract import StepContext
from stepherd.steps.held_secrets import held_secrets
from stepherd.text.moments import now
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.processes.account import Account
    from stepherd.steps.agent_sandbox import AgentSandbox

__all__ = ["Attempt", "ProcessesLeft"]

_LONGEST_SAYING: Final = 2000
_LARGEST_DETAILS: Final = 16 * 1024


class ProcessesLeft(AgentFailed):
    """Something that the agent started could not be ended, and might change whatever came after it."""

    category = "processes_left"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"The {name}'s processes could not all be ended: {reason}. Its work is not used.",
            remedy=Remedy("End them, or restart the machine; then continue with: ", ("redrive", RUN)),
        )


@dataclass(slots=True)
class Attempt:
    """One agent's time in its place."""

    step: StepContext
    folders: AgentFolders
    stop: StopRequest
    account: Account | None
    launcher: Launcher
    transcript: Transcript
    recorder: Recorder
    keys: AttemptKeys
    started: str
    said: str | None = None
    """The last that the agent said."""
    usage: dict[str, Any] = field(default_factory=dict)
    sandbox: AgentSandbox | None = None
    agent_ran: bool = False
    """Whether the agent was started in this attempt."""
    prepared: bool | StepherdError | None = None
    """Whether the home that was prepared holds a session to resume, or why it could not be prepared; None:
    it was not."""
    empty_submodules: str = ""
    """Which the agent is told."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that the request sets, also for the verify command."""
    unproven: str = ""
    """Why it is not known for sure that all of its processes have ended; empty when it is."""

    @classmethod
    def begin(
        cls,
        step: StepContext,
        folders: AgentFolders,
        stop: StopRequest,
        account: Account | None,
        redactor: Redactor,
        keys: AttemptKeys,
        sandbox: AgentSandbox | None = None,
    ) -> Attempt:
        """With a transcript, and with events that also go to this step's own output."""
        transcript = Transcript.create(folders.private / "transcript.jsonl", redactor)
        launcher = sandbox or ProcessLauncher(account, stop.pause)
        recorder = Recorder(step.folder.store, redactor.mask, _show)
        return cls(step, folders, stop, account, launcher, transcript, recorder, keys, now(), sandbox=sandbox)

    def tell(self, source: str, event: Event) -> None:
        """Record an event; what it says of usage is kept for the report."""
        if isinstance(event, Usage):
            self.usage.update({name: value for name, value in event.to_json().items() if name != "type"})
        elif isinstance(event, Message) and not event.thought and event.text.strip():
            self.said = event.text
        self.recorder.add(source, event)

    def supervise(
        self,
        name: str,
        launch: Launch,
        limits: Limits,
        reader: Reader | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Evidence:
        """Run one process in the workspace, contained. Raises ProcessesLeft."""
        environment = agent_environment(
            run_id=self.step.request.run_id,
            home=self.folders.home,
            scratch=self.folders.temporary,
            instructions=self.folders.instructions,
            extra=variables or {},
        )
        evidence = supervise(
            launch,
            name=name,
            environment=environment,
            folder=self.folders.workspace,
            limits=limits,
            transcript=self.transcript,
            stop=self.stop,
            launcher=self.launcher,
            reader=reader,
            tell=lambda event: self.tell(name, event),
        )
        self.recorder.catch_up(name)
        self._look_at_the_end(name, evidence.proof)
        return evidence

    def learn(self) -> None:
        """Know the secrets that are there by now: an agent may renew its login, AWS's client its session."""
        if self.transcript.before:
            self.transcript.before()  # Whether it is certain counts for what was printed.
        self.step.redactor.learn(held_secrets())

    def _look_at_the_end(self, name: str, proof: Proof | None) -> None:
        if proof is None or proof.state == "proven":
            return
        if proof.state == "alive":
            raise ProcessesLeft(name, proof.reason)
        self.unproven = f"It is not certain that every process of the agent has ended: {proof.reason}."

    def ready(self) -> bool:
        """Whether the agent has a session to resume. Raises what kept its home from being prepared."""
        if self.prepared is None:
            raise InternalError("The agent's home was not prepared.", remedy="Please report it.")
        if isinstance(self.prepared, StepherdError):
            raise self.prepared
        return self.prepared

    def let_go(self) -> None:
        """Leave no one a way into the agent's folders (``AgentFolders.let_go``). Raises ProcessesLeft."""
        if self.sandbox is None or not self.sandbox.speaks_to_others:
            return
        # Where a login lies is looked at through handles of our own, until the step ends.
        watched = self.transcript.before is not None
        try:
            self.folders.let_go(but_home=watched)
        except FoldersChanged:
            reason = "something outside of its sandbox still changes its folders"
            raise ProcessesLeft("agent", reason) from None

    def show_usage(self) -> None:
        """Log the agent's usage once: a line for each of its events would be most of the log."""
        if self.usage:
            _write([f"# Used {usage_text(self.usage)}"])

    def with_changes(self, evidence: Evidence, facts: Mapping[str, Any]) -> Evidence:
        """The evidence with what is known of the changes, of those that are not pushed, too."""
        changed = int(facts["totals"]["files"]) + int(facts.get("left_out_total", 0))
        # Work that it left beside its files is work, too.
        changed = changed or len(facts.get("kept", ()))
        return replace(evidence, changed_files=changed)

    def facts_of(self, evidence: Evidence) -> dict[str, Any]:
        """For the result: how it ended, what it printed, used and said."""
        facts: dict[str, Any] = {
            "exit_code": evidence.exit_code,
            "ending": evidence.ending,
            "seconds": evidence.seconds,
            "output_bytes": self.transcript.bytes_seen,
            "truncated": self.transcript.truncated,
        }
        if self.usage:
            facts["usage"] = dict(self.usage)
        if self.said is not None:
            facts["said"] = one_paragraph(self.said[: 2 * _LONGEST_SAYING], _LONGEST_SAYING)
        if evidence.facts and len(json.dumps(dict(evidence.facts), default=repr)) <= _LARGEST_DETAILS:
            facts["details"] = json.loads(json.dumps(dict(evidence.facts), default=repr))
        return facts

    def close(self) -> None:
        """Put the transcript and the events into the run folder."""
        self.transcript.close()
        self.recorder.close()
        self.step.folder.store.upload(self.folders.private / "transcript.jsonl", self.keys.transcript)
        self.stop.close()


def _show(event: Mapping[str, Any]) -> None:
    _write(readable(event))


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
