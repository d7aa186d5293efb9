"""The outcome of a run, gathered from what its steps wrote: report.json, and report.md beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from stepherd.errors import StepherdError
from stepherd.remedies import Command, Remedy, command_text, commands_in, joined, of_run
from stepherd.repositories.scan import ChangesBlocked
from stepherd.runs.causes import failure_of_end
from stepherd.runs.digests import RunFolderChanged
from stepherd.runs.findings import Findings, read_findings
from stepherd.runs.folder import REPORT, REPORT_PAGE, TRANSCRIPT, RunFolder
from stepherd.runs.proof import SuccessNotProven, check_success
from stepherd.runs.reasons import reason_of, state_of, step_of, tells_of
from stepherd.runs.report_attempts import lost_work, used_by
from stepherd.runs.report_notes import notes_of_steps
from stepherd.runs.report_page import render_report
from stepherd.runs.report_work import no_changes, with_kept, work_notes
from stepherd.runs.request import Request
from stepherd.runs.result import Failure, Result
from stepherd.runs.steps import STEPS
from stepherd.text.enumeration import first_of
from stepherd.text.moments import now, seconds_between, utc_text

__all__ = ["Report", "ReportedError", "RunFailed", "StateTime", "build_report", "write_report"]

_MOST_NAMED: Final = 10
_NOT_REDRIVEN: Final = (RunFolderChanged.category, SuccessNotProven.category)
"""Failures that every redrive would meet again."""


@dataclass(frozen=True, slots=True)
class StateTime:
    """How long a step took at its last try, and how many tries came to an end."""

    name: str
    status: str
    seconds: float
    attempts: int


@dataclass(frozen=True, slots=True)
class ReportedError:
    """The error that ended a run: where, why, and what to do next."""

    state: str
    category: str
    message: str
    remedy: str
    retryable: bool
    next: str
    """The command to run next."""
    details: str = ""
    """All that a server said, in lines."""
    commands: list[list[str]] = field(default_factory=list)
    """The commands of ours that remedy and next name, each by its arguments."""


@dataclass(frozen=True, slots=True)
class Report:
    """The contents of report.json. Fields without a meaning for this run are None or empty."""

    run_id: str
    status: Literal["succeeded", "failed"]
    summary: str
    started: str
    finished: str
    seconds: float
    repository: str | None = None
    base: str | None = None
    base_commit: str | None = None
    branch: str | None = None
    """The branch that has the commit; None when nothing was pushed."""
    commit: str | None = None
    partial: bool = False
    """Whether the commit holds the work of an agent that did not finish."""
    compare: str | None = None
    agent: str | None = None
    usage: dict[str, Any] | None = None
    """The agent's use over all attempts: turns, tokens, cost_usd or credits, as far as it says so."""
    said: str | None = None
    """The last that the agent said."""
    files_changed: list[dict[str, Any]] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    verify: dict[str, Any] | None = None
    states: list[StateTime] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    bundle: str | None = None
    """Where the changes are, as a git bundle on the base commit."""
    error: ReportedError | None = None
    notes: list[str] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    """Where the agent was started more than once, for each attempt: number, status, started, finished, usage,
    bundle, where its work lies, and lost, whether it has none because its task was killed; each begins with
    the work of the one before."""
    automation: list[dict[str, str]] = field(default_factory=list)
    """Changed files that run by themselves: path, and what the file is."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """Work that was not pushed, in the bundle: name, commit, subject, and where the agent had it (from)."""
    commits: list[dict[str, str]] = field(default_factory=list)
    """The agent's own commits that led to the result, the oldest first: commit, subject."""
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """Work that is not pushed: path, line (None for the whole), what, and detail in words."""
    left_out_total: int = 0
    commands: list[list[str]] = field(default_factory=list)
    """The commands of ours that the summary names, each by its arguments."""

    def to_json(self) -> dict[str, Any]:
        """The fields as report.json holds them."""
        return asdict(self)

    def outline(self, folder: RunFolder) -> dict[str, Any]:
        """The output of the execution: small whatever the run did, with the address of the whole."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "summary": self.summary,
            "branch": self.branch,
            "commit": self.commit,
            "base_commit": self.base_commit,
            "files_changed": self.totals.get("files", 0),
            "report": folder.address_of(REPORT),
        }


def write_report(
    folder: RunFolder,
    run_id: str,
    *,
    started: str | None = None,
    failure: Mapping[str, Any] | None = None,
    request_digest: str | None = None,
) -> Report:
    """Build the report of a run and write report.json and report.md into its folder.

    ``failure`` is {state, error, cause, redrives} of the machine for a run that failed; ``started`` is when
    the execution began; ``request_digest`` is what it knows of request.json, None when an earlier version
    began it. Without a ``failure``, raises RunFolderChanged and SuccessNotProven.
    """
    found = read_findings(folder, failure, request_digest)
    if failure is None and found.request is not None:
        check_success(found.results, found.request)
    report = _report_of(folder, run_id, found, started=started, failure=failure)
    folder.write_report(report.to_json(), render_report(report, folder.address_of(REPORT)))
    return report


def build_report(
    folder: RunFolder, run_id: str, *, started: str | None = None, failure: Mapping[str, Any] | None = None
) -> Report:
    """The report of a run from the results in its folder; nothing is written, and nothing need be proven."""
    return _report_of(folder, run_id, read_findings(folder, failure), started=started, failure=failure)


def _report_of(
    folder: RunFolder, run_id: str, found: Findings, *, started: str | None, failure: Mapping[str, Any] | None
) -> Report:
    request, results = found.request, found.results
    finished = now()
    begun = utc_text(started or min((result.started for result in results.values()), default=finished))
    facts = _gathered(results)
    error = None if failure is None else _error_of(run_id, failure, results)
    summary = _summary(request, facts, error)
    return Report(
        run_id=run_id,
        status="succeeded" if error is None else "failed",
        summary=summary,
        started=begun,
        finished=finished,
        seconds=seconds_between(begun, finished),
        repository=request.repo if request else None,
        base_commit=facts.get("base_commit"),
        base=facts.get("base_ref"),
        branch=facts.get("branch"),
        commit=facts.get("commit"),
        partial=bool(facts.get("partial")),
        compare=facts.get("compare"),
        agent=request.agent if request else None,
        usage=used_by(found.attempts) or facts.get("agent", {}).get("usage"),
        said=found.said.text,
        files_changed=list(facts.get("files", [])),
        totals=dict(facts.get("totals", {})),
        verify=facts.get("verify"),
        states=[_time_of(results[step], failure) for step in STEPS if step in results],
        logs=_logs(folder, run_id, results),
        bundle=folder.address_of(facts["bundle"]) if facts.get("bundle") else None,
        error=error,
        notes=[
            *notes_of_steps(found, run_id, failure),
            *_automation_note(facts),
            *work_notes(facts, run_id),
            *lost_work(found.attempts),
            *(doubt for doubt in found.doubts if not _is_said(doubt, error)),
        ],
        attempts=found.attempts if len(found.attempts) > 1 else [],
        automation=list(facts.get("automation", [])),
        kept=[dict(line) for line in facts.get("kept") or ()],
        commits=[dict(commit) for commit in facts.get("commits") or ()],
        left_out=list(facts.get("left_out", [])),
        left_out_total=int(facts.get("left_out_total", 0)),
        commands=[list(command) for command in commands_in(summary)],
    )


def _is_said(doubt: str, error: ReportedError | None) -> bool:
    return error is not None and error.message == doubt


def _gathered(results: Mapping[str, Result]) -> dict[str, Any]:
    """The facts of clone, agent and push together; a failed push has none of its own.

    Those of the agent's step count before those of the clone: it has written them after the agent's end.
    """
    return {
        name: value
        for step in ("clone", "agent", "push")
        if step in results
        for name, value in results[step].facts.items()
        if value is not None
    }


def _time_of(result: Result, failure: Mapping[str, Any] | None) -> StateTime:
    # A result of an earlier attempt does not count for the one that ended the run.
    old = failure is not None and step_of(failure) == result.step and not tells_of(result, failure)
    status = "failed" if old else result.status
    return StateTime(state_of(result.step, failure), status, result.seconds, result.runs)


def _error_of(run_id: str, failure: Mapping[str, Any], results: Mapping[str, Result]) -> ReportedError:
    error, cause = str(failure.get("error") or ""), str(failure.get("cause") or "")
    ended = failure_of_end(error, cause)
    state = "" if ended else str(failure.get("state", "the state machine"))
    why = ended or reason_of(failure, results.get(step_of(failure)))
    remedy, following = of_run(why.advice, run_id), _next_command(run_id, state, why)
    commands = [list(command) for command in dict.fromkeys((*commands_in(remedy), following))]
    return ReportedError(
        state,
        why.category,
        why.message,
        remedy,
        why.retryable,
        command_text(following),
        why.details,
        commands,
    )


def _next_command(run_id: str, state: str, why: Failure) -> Command:
    if state == STEPS["prepare"].state and not why.retryable:
        return ("run",)
    if why.category in (*_NOT_REDRIVEN, ChangesBlocked.category):
        return ("pull", run_id)
    # A plain redrive would fail in the same way where the remedy names something to change.
    named = commands_in(of_run(why.advice, run_id))
    return next((command for command in named if command[0] in ("redrive", "run")), ("redrive", run_id))


def _summary(request: Request | None, facts: Mapping[str, Any], error: ReportedError | None) -> str:
    if error is not None:
        work = "Partial work" if facts.get("partial") else "The work"
        kept = f"{work} is on the branch {facts['branch']}." if facts.get("branch") else ""
        what = f"{error.state} failed: " if error.state else ""
        return with_kept(facts, joined(f"{what}{error.message}", kept))
    run_id = request.run_id if request else "RUN"
    count = len(facts.get("files", []))
    if not count and facts.get("left_out"):
        return f"The agent succeeded; all of its work is left out: {facts['left_out'][0]['path']}."
    if not count:
        return no_changes(facts, run_id)
    files = f"{count} file{'s' if count != 1 else ''} changed"
    if facts.get("branch"):
        return with_kept(facts, f"{files}, pushed to {facts['branch']}.")
    summary = with_kept(facts, f"{files}, kept as a bundle.")
    return Remedy(summary, " Fetch them with: ", ("pull", run_id))


def _logs(folder: RunFolder, run_id: str, results: Mapping[str, Result]) -> dict[str, str]:
    logs = {"follow": command_text(("logs", run_id)), "report": folder.address_of(REPORT_PAGE)}
    if "agent" in results:
        transcript = results["agent"].facts.get("transcript", TRANSCRIPT)
        logs["transcript"] = folder.address_of(str(transcript))
    return logs


def _automation_note(facts: Mapping[str, Any]) -> list[str]:
    found = facts.get("automation") or []
    if not found:
        return []
    shown = first_of(found, _MOST_NAMED, lambda file: f"{file['path']} ({file['what']})")
    return [f"Review these changes first, because they run by themselves: {shown}."]


class RunFailed(StepherdError):
    """The run failed; raised after its report was written."""

    category = "run"
