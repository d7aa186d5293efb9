"""One step, from its environment to its result.json and exit code."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from stepherd import errors
from stepherd.errors import ConfigurationError, InternalError, StepherdError, StorageError, UsageError
from stepherd.processes.account import adopt_orphans
from stepherd.processes.descendants import children_of_this_process, end_children
from stepherd.runs.folder import RunFolder, open_run_folder
from stepherd.runs.result import Failure, Result, Status, now
from stepherd.services.plain_text import one_paragraph
from stepherd.steps.contract import Done, Step, StepContext
from stepherd.steps.deadline import DeadlinePassed, deadline, seconds_of
from stepherd.steps.termination import Interrupted, Terminated, Termination

__all__ = ["main", "run_step", "say"]

_STEPS: Final = ("clone", "agent", "push", "persist")
_FAILED: Final = 1


def main(argv: list[str]) -> int:
    """Run the step that ``argv`` names; the exit code is 0, or else says what kind of error it was."""
    termination = Termination()
    termination.install()
    try:
        adopt_orphans()
        if len(argv) != 1 or argv[0] not in _STEPS:
            raise UsageError(f"Give one step: {', '.join(_STEPS)}.", remedy="python -m stepherd.steps clone")
        reference = os.environ.get("STEPHERD_RUN_FOLDER", "")
        if not reference:
            raise ConfigurationError(
                "The variable STEPHERD_RUN_FOLDER is not set.", remedy="Set it to the URI of runs/<run id>."
            )
        folder = open_run_folder(reference)
        result = run_step(argv[0], folder, os.environ.get("STEPHERD_ATTEMPT", ""), termination)
    except Terminated:
        # Outside the step's work: there is nothing to say that the machine does not see.
        return Interrupted.exit_code
    except StepherdError as error:
        # Before there is a folder to write to, or when it refuses to be written.
        say(str(error))
        return error.exit_code
    return _exit_code(result)


def run_step(name: str, folder: RunFolder, attempt: str, termination: Termination) -> Result:
    """Run a step unless it has its result already, and write that.

    An earlier success that still holds is returned; so is a failure of the same ``attempt``, which ended
    when nobody was left to hear of it.
    """
    step = cast("Step", import_module(f"stepherd.steps.{name}"))
    before = folder.read_result(name)
    if before is not None:
        same = bool(attempt) and before.attempt == attempt
        if (before.succeeded and step.holds(before, folder)) or (not before.succeeded and same):
            say(f"{name}: {before.status} before, at {before.finished}")
            return before
    started = now()
    done, status = _perform(name, step, folder, termination)
    failure = None if done.error is None else Failure.of(done.error)
    runs = 1 if before is None else before.runs + 1
    result = Result(name, attempt, runs, status, started, now(), failure, done.facts)
    with termination.held_off():
        folder.write_result(result)
    say(f"{name}: {status}" + (f". {failure.message} {failure.remedy}" if failure else ""))
    return result


def _perform(name: str, step: Step, folder: RunFolder, termination: Termination) -> tuple[Done, Status]:
    try:
        with tempfile.TemporaryDirectory(prefix="stepherd-", ignore_cleanup_errors=True) as scratch:
            request = folder.read_request()
            with deadline(seconds_of(name, request), termination), _no_process_left():
                done = step.work(StepContext(folder, request, Path(scratch), termination))
    except Terminated:
        done = Done(error=_ending(termination))
    except StepherdError as error:
        done = Done(error=error)
    except OSError as error:
        done = Done(error=_storage_error(error))
    except Exception as error:  # noqa: BLE001 - its trace goes to the log, its meaning to the report
        import traceback

        traceback.print_exc()
        done = Done(
            error=InternalError(f"The step failed unexpectedly: {error!r}.", remedy="Please report it.")
        )
    if done.error is None:
        return done, "succeeded"
    return done, "interrupted" if done.error.category == Interrupted.category else "failed"


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
        words = "The step took longer than it may and ended itself."
        return DeadlinePassed(words, remedy="Continue with: stepherd redrive RUN")
    return Interrupted("The step was interrupted.", remedy="Continue with: stepherd redrive RUN")


def _storage_error(error: OSError) -> StorageError:
    where = f": {error.filename}" if error.filename else ""
    return StorageError(
        f"The disk refused: {error.strerror or error}{where}.", remedy="Free some space, or use another disk."
    )


def _exit_code(result: Result) -> int:
    if result.error is None:
        return 0
    kinds: list[type[StepherdError]] = [
        Interrupted,
        DeadlinePassed,
        *(getattr(errors, name) for name in errors.__all__),
    ]
    codes: dict[str, int] = {kind.category: kind.exit_code for kind in kinds}
    return codes.get(result.error.category, _FAILED)


def say(text: str) -> None:
    """A line on stderr, for who reads the step's log."""
    sys.stderr.write(f"stepherd: {one_paragraph(text, 3000)}\n")
    sys.stderr.flush()
