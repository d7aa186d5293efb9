"""Whether a run can begin on this machine, found out before anything of it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.backends.client import Call, execution_arn, machine_arn
from stepherd.backends.home.agent_credentials import with_agent_credentials
from stepherd.backends.home.private_home import make_private, scratch_folder
from stepherd.backends.home.programs import check_given_path, check_installed
from stepherd.backends.home.runner_selection import RunnerSelection, check_programs
from stepherd.backends.typed_repo import with_typed_host
from stepherd.engine.journal.lock import find_engine
from stepherd.engine.runners.choice import CONTAINER_RUNNERS, SANDBOX, RunnerChoice, read_choice, write_choice
from stepherd.engine.runners.processes import interpreter_path
from stepherd.errors import CannotCreateError, StepherdError
from stepherd.remedies import Remedy, of_no_run
from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import PushTarget
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.probe import probe
from stepherd.repositories.uncommitted import uncommitted, uncommitted_remark
from stepherd.runs.network import OPEN
from stepherd.runs.prepare import check_whole_request
from stepherd.services.secrets.opening import read_secret
from stepherd.services.step_functions.calls import Refused

if TYPE_CHECKING:
    from stepherd.backends.beginning import Begin
    from stepherd.runs.request import Request

__all__ = ["ask_repository", "check_run"]


class Early(Protocol):
    """Loading that can begin while the request is still being checked."""

    def begin(self) -> None:
        """Load the engine, unless that was begun already."""

    def load_later(self) -> None:
        """Load everything else that the run needs."""


def check_run(
    home: Path, run_id: str, request: dict[str, Any], runner: RunnerChoice | None, early: Early
) -> tuple[Begin, str]:
    """How a run begins that can, and a remark for the person who starts it.

    ``early`` is begun once the request itself is good. Raises what is wrong.
    """
    request = with_typed_host(request)
    checked = _check(run_id, request)
    with RunnerSelection.begin(home, runner, checked.network or OPEN) as selection:
        request, unmasked = with_agent_credentials(checked, request)
        early.begin()
        early.load_later()
        with _nothing_begun():
            ask_repository(home, checked)
    remark = "\n".join(filter(None, (selection.remark(), unmasked, _left_behind(home, checked))))
    return _Start(home, run_id, request, _chosen(home, selection, checked)), remark


def _check(run_id: str, request: dict[str, Any]) -> Request:
    return check_whole_request(run_id, request)[0]


def _chosen(home: Path, selection: RunnerSelection, request: Request) -> RunnerChoice:
    choice = selection.choice
    if choice.runner not in CONTAINER_RUNNERS and not find_engine(home):
        # An engine of another process has a PATH of its own; its tasks say by themselves what is missing.
        check_installed(request, interpreter_path())
    if choice.runner not in CONTAINER_RUNNERS:
        check_given_path(request, interpreter_path())
    if choice.runner == SANDBOX:
        check_programs(home, request)
    return choice


@contextmanager
def _nothing_begun() -> Iterator[None]:
    """Errors that a step can raise as well suggest to redrive the run. Here no run has begun yet."""
    try:
        yield
    except StepherdError as error:
        error.remedy = of_no_run(error.remedy)
        raise


def _left_behind(home: Path, request: Request) -> str:
    """A remark about changes of a work tree that a clone does not have."""
    repository = parse_repository(request.repo)
    if repository.host is not None:
        return ""
    folder = Path(repository.path)
    with scratch_folder(home, "compare-") as scratch:
        return uncommitted_remark(uncommitted(folder, Path(scratch)), folder)


def ask_repository(home: Path, request: Request) -> None:
    """Ask the repository for the base and the branch: what cannot be cloned, or pushed, is refused before
    anything starts."""
    secret = read_secret(request.git_credentials or "")
    credentials = GitCredentials.from_secret(secret, owner_hosts=(request.git_token_host,))
    make_private(home)
    with scratch_folder(home, "probe-") as scratch:
        target = PushTarget(request.branch, request.run_id) if request.push == "branch" else None
        probe(parse_repository(request.repo), credentials, Path(scratch), request.base, target=target)


class _Start:
    """StartExecution for one run. Asked again, after an engine ended, it finds the run that it started."""

    def __init__(self, home: Path, run_id: str, request: dict[str, Any], runner: RunnerChoice) -> None:
        self._home = home
        self._run_id = run_id
        self._runner = runner
        self._request = {"stateMachineArn": machine_arn(), "name": run_id, "input": json.dumps(request)}
        self._asked = False

    def __call__(self, call: Call) -> str:
        again, self._asked = self._asked, True
        if read_choice(self._home, self._run_id) is None:
            # Before the start: whichever engine comes to its tasks finds it.
            write_choice(self._home, self._run_id, self._runner)
        try:
            call("StartExecution", self._request)
        except Refused as error:
            if error.code != "ExecutionAlreadyExists":
                raise
            if not (again and self._is_ours(call)):
                raise self._taken() from error
        return self._run_id

    def _is_ours(self, call: Call) -> bool:
        described = call("DescribeExecution", {"executionArn": execution_arn(self._run_id)})
        return bool(described["input"] == self._request["input"])

    def _taken(self) -> CannotCreateError:
        words = f"The run '{self._run_id}' already exists: with another request, or it has ended."
        remedy = Remedy("Look at it with '", ("status", self._run_id), "', or choose another --name.")
        return CannotCreateError(words, remedy=remedy)
