"""One step, from its environment to its result.json and exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from stepherd import errors
from stepherd.errors import (
    ConfigurationError,
    DataError,
    InternalError,
    StepherdError,
    StorageError,
    UsageError,
)
from stepherd.processes.account import adopt_orphans
from stepherd.processes.descendants import children_of_this_process, end_children
from stepherd.remedies import RUN, Remedy, joined, of_run
from stepherd.repositories.refusals import REFUSALS
from stepherd.repositories.scan import ChangesBlocked
from stepherd.repositories.secret_patterns import secret_shapes
from stepherd.runs.digests import RunFolderChanged
from stepherd.runs.folder import REQUEST_DIGEST, RunFolder, open_run_folder
from stepherd.runs.request import Request
from stepherd.runs.result import Failure, Result
from stepherd.runs.steps import STEPS
from stepherd.services.redaction import Redactor
from stepherd.services.removal import temporary_folder
from stepherd.steps.contract import Done, Step, StepContext
from stepherd.steps.deadline import DeadlinePassed, deadline, seconds_of
from stepherd.steps.held_secrets import held_secrets
from stepherd.steps.outcome import masked, status_of
from stepherd.steps.termination import Interrupted, Terminated, Termination
from stepherd.text.moments import now
from stepherd.text.plain import one_paragraph

__all__ = ["main", "run_step", "say"]

_IN_CONTAINERS: Final = tuple(step.name for step in STEPS.values() if step.in_container)
_FAILED: Final = 1


def main(argv: list[str]) -> int:
    """Run the step that ``argv`` names; the exit code is 0, or else says what kind of error it was."""
    termination = Termination()
    termination.install()
    try:
        adopt_orphans()
        if len(argv) != 1 or argv[0] not in _IN_CONTAINERS:
            names = ", ".join(_IN_CONTAINERS)
            raise UsageError(f"Give one step: {names}.", remedy="python -m stepherd.steps clone")
        reference = os.environ.get("STEPHERD_RUN_FOLDER", "")
        if not reference:
            raise ConfigurationError(
                "The variable STEPHERD_RUN_FOLDER is not set.", remedy="Set it to the URI of runs/<run id>."
            )
        folder = open_run_folder(reference).listed()
        attempt, digest = os.environ.get("STEPHERD_ATTEMPT", ""), os.environ.get(REQUEST_DIGEST)
        result = run_step(argv[0], folder, attempt, termination, digest)
    except Terminated:
        termination.heard()
        # Outside the step's work: there is nothing to say that the machine does not see.
        return Interrupted.exit_code
    except StepherdError as error:
        # Before there is a folder to write to, or when it refuses to be written.
        say(str(error))
        return error.exit_code
    return _exit_code(result)


def run_step(
    name: str, folder: RunFolder, attempt: str, termination: Termination, digest: str | None
) -> Result:
    """Run a step unless it has its result already, and write that.

    An earlier success that still holds is returned; so is a failure of the same ``attempt``, which ended
    when no one was left to hear of it. Before anything in the folder counts, request.json must have the
    ``digest`` that the execution carries; an execution that an earlier version began carries None.
    """
    step = cast("Step", import_module(f"stepherd.steps.{name}"))
    started, request = now(), _request_of(folder, digest)
    before = _before(name, folder)
    if before is not None and isinstance(request, Request):
        same = bool(attempt) and before.attempt == attempt
        if (before.succeeded and step.holds(before, folder)) or (not before.succeeded and same):
            say(f"{name}: {before.status} before, at {before.finished}")
            return before
    runs = 1 if before is None else before.runs + 1
    done = _perform(name, step, folder, request, termination, _Try(attempt, runs))
    nothing_done = isinstance(done.error, RunFolderChanged) or (name == "agent" and not done.facts)
    if before is not None and done.error is not None and nothing_done:
        # The work of before is still there: the push, the report and stepherd pull find it by these facts.
        done = Done(before.facts, done.error)
    status, failure = status_of(done), None if done.error is None else Failure.of(done.error)
    result = Result(name, attempt, runs, status, started, now(), failure, done.facts)
    with termination.held_off():
        folder.write_result(result)
    # The log of a task is read without the run's name.
    remedy = of_run(failure.advice, folder.reference.rpartition("/")[2]) if failure else ""
    say(joined(f"{name}: {status}", failure.message, remedy) if failure else f"{name}: {status}")
    _say_all(failure.details if failure else "")
    return result


def _before(name: str, folder: RunFolder) -> Result | None:
    """The step's earlier result; an invalid one counts as none and is written over."""
    try:
        return folder.read_result(name)
    except DataError as error:
        say(f"{name}: {error.message}")
        return None


def _request_of(folder: RunFolder, digest: str | None) -> Request | StepherdError:
    """The request, or why it cannot be used, for the result to say."""
    try:
        return folder.read_request(digest)
    except StepherdError as error:
        return error


@dataclass(frozen=True, slots=True)
class _Try:
    """Which try of the step this is."""

    attempt: str
    runs: int


def _perform(
    name: str,
    step: Step,
    folder: RunFolder,
    request: Request | StepherdError,
    termination: Termination,
    tried: _Try,
) -> Done:
    redactor = Redactor(held_secrets(), secret_shapes())
    return masked(_done(name, step, folder, request, termination, redactor, tried), redactor)


def _done(
    name: str,
    step: Step,
    folder: RunFolder,
    request: Request | StepherdError,
    termination: Termination,
    redactor: Redactor,
    tried: _Try,
) -> Done:
    try:
        if isinstance(request, StepherdError):
            raise request
        with (
            temporary_folder("stepherd-") as scratch,
            deadline(seconds_of(name, request), termination),
            _no_process_left(),
        ):
            references = (request.git_credentials, request.agent_credentials, *request.secrets.values())
            redactor.learn(held_secrets(*references))
            return step.work(
                StepContext(folder, request, scratch, termination, redactor, tried.attempt, tried.runs)
            )
    except Terminated:
        termination.heard()
        return Done(error=_ending(termination))
    except StepherdError as error:
        return Done(error=error)
    except OSError as error:
        return Done(error=_storage_error(error))
    except Exception as error:  # noqa: BLE001 - its trace goes to the log, its meaning to the report
        sys.stderr.write(redactor.mask(traceback.format_exc()))
        failure = InternalError(f"The step failed unexpectedly: {error!r}.", remedy="Please report it.")
        return Done(error=failure)


@contextmanager
def _no_process_left() -> Iterator[None]:
    """Whatever was started meanwhile is ended. A signal may tear a step out of starting it, before anything
    knows of it; and it would write into folders that are being removed."""
    before = children_of_this_process()
    try:
        yield
    finally:
        end_children(before)


def _ending(termination: Termination) -> StepherdError:
    if termination.expired:
        words = "The step took longer than allowed and ended itself."
        return DeadlinePassed(words, remedy=Remedy("Continue with: ", ("redrive", RUN)))
    return Interrupted("The step was interrupted.", remedy=Remedy("Continue with: ", ("redrive", RUN)))


def _storage_error(error: OSError) -> StorageError:
    where = f": {error.filename}" if error.filename else ""
    return StorageError(
        f"Disk error: {error.strerror or error}{where}.", remedy="Free some space, or use another disk."
    )


def _exit_code(result: Result) -> int:
    if result.error is None:
        return 0
    kinds: list[type[StepherdError]] = [
        ChangesBlocked,
        Interrupted,
        DeadlinePassed,
        RunFolderChanged,
        *REFUSALS,
        *(getattr(errors, name) for name in errors.__all__),
    ]
    codes: dict[str, int] = {kind.category: kind.exit_code for kind in kinds}
    return codes.get(result.error.category, _FAILED)


def _say_all(details: str) -> None:
    """Write a server's answer line by line: the message has only its beginning."""
    for line in details.splitlines():
        sys.stderr.write(f"  | {line}\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """A line on stderr, for readers of the step's log."""
    sys.stderr.write(f"stepherd: {one_paragraph(text, 3000)}\n")
    sys.stderr.flush()
