"""Starting a run: the request checked before anything begins, while what begins later is loaded already."""

from __future__ import annotations

import json
import tempfile
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.backends.beginning import Beginning
from stepherd.backends.client import Call, EngineGone, Refused, execution_arn, machine_arn, remote_call
from stepherd.backends.home.agent_credentials import with_agent_credentials
from stepherd.backends.home.background import BackgroundEngine
from stepherd.backends.home.engines import new_engine
from stepherd.backends.home.forks import new_fork_server
from stepherd.backends.home.programs import check_installed
from stepherd.backends.home.runner_selection import RunnerSelection, check_programs
from stepherd.backends.typed_repo import with_typed_host
from stepherd.engine.identity import JOURNAL
from stepherd.engine.journal.lock import find_engine
from stepherd.engine.runners.choice import (
    AS_PROCESSES,
    CONTAINER_RUNNERS,
    SANDBOX,
    RunnerChoice,
    read_choice,
    write_choice,
)
from stepherd.engine.runners.processes import interpreter_path
from stepherd.errors import CannotCreateError, StorageError
from stepherd.runs.network import OPEN

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine
    from stepherd.runs.request import Request

__all__ = ["ask_repository", "begin_in_background", "prepare"]

_NEEDED_LATER = (
    "stepherd.engine.api.operations",
    "stepherd.engine.api.endpoint",
    "stepherd.engine.api.http_serving",
)


def prepare(
    home: Path,
    run_id: str,
    request: dict[str, Any],
    runner: RunnerChoice | None = AS_PROCESSES,
    *,
    detach: bool = False,
) -> Beginning:
    """Check a request, and load what carries its run. A ``runner`` of None is chosen here.

    A repository that cannot be reached, or a base that is not there, is found before anything starts.
    While that is looked into, the engine is loaded and the first processes begin: the run starts as soon as
    the answer is good, and nothing is left of them when it is not. A home that is new waits for the check of
    the request, so that a mistake does not even leave a folder. With ``detach`` the engine is loaded in a
    process of its own.
    """
    early = _Early(home, detach=detach)
    try:
        if (home / JOURNAL).exists():
            early.begin()
        request = with_typed_host(request)
        checked = _check(run_id, request)
        with RunnerSelection.begin(home, runner, checked.network or OPEN) as selection:
            request = with_agent_credentials(checked, request)
            early.begin()
            if (
                early.engine
            ):  # Not earlier: until there is something to wait for, it would only be in the way.
                threading.Thread(target=_load_later, daemon=True).start()
            ask_repository(home, checked)
        begin = _Start(home, run_id, request, _chosen(home, selection, checked))
        return Beginning(
            run_id, begin, remark=selection.remark(), engine=early.engine, background=early.background
        )
    except BaseException:
        early.release()
        raise


def begin_in_background(home: Path, beginning: Beginning) -> Call:
    """Begin a run on the live engine of the home, or on one in the background; calls to that engine."""
    while True:
        address = find_engine(home)
        if address is None:
            address = (beginning.take_background() or BackgroundEngine(home)).take_over()
        call = remote_call(address)
        try:
            beginning(call)
        except EngineGone:
            continue  # It was about to end: another one has the home by now, or will.
        return call


class _Early:
    """What is loaded while the request is checked: an engine of our own, or one for the background."""

    def __init__(self, home: Path, *, detach: bool) -> None:
        self._home = home
        self._detach = detach
        self.engine: LocalEngine | None = None
        self.background: BackgroundEngine | None = None

    def begin(self) -> None:
        """Load it, unless that was begun already or another engine serves the home."""
        if self.engine or self.background or find_engine(self._home):
            return
        _make_private(self._home)
        if self._detach:
            self.background = BackgroundEngine(self._home)
        else:
            self.engine = _warmed_up(self._home)

    def release(self) -> None:
        """End it."""
        if self.engine:
            self.engine.release()
        if self.background:
            self.background.give_up()


def _check(run_id: str, request: dict[str, Any]) -> Request:
    from stepherd.runs.prepare import check_whole_request

    return check_whole_request(run_id, request)[0]


def _chosen(home: Path, selection: RunnerSelection, request: Request) -> RunnerChoice:
    choice = selection.choice
    if choice.runner not in CONTAINER_RUNNERS and not find_engine(home):
        # An engine of another process has a PATH of its own; its tasks say by themselves what is missing.
        check_installed(request, interpreter_path())
    if choice.runner == SANDBOX:
        check_programs(home, request)
    return choice


def _warmed_up(home: Path) -> LocalEngine:
    """An engine of our own, with the first function's process begun."""
    forks = new_fork_server(home)
    forks.start()  # First of all: it loads what is forked, while this process loads the engine.
    try:
        engine = new_engine(home, forks=forks)
    except BaseException:
        forks.close()
        raise
    engine.warm_up()
    return engine


def _load_later() -> None:
    for name in _NEEDED_LATER:
        import_module(name)


def _make_private(home: Path) -> None:
    """Nobody else on this machine may look in; what is made in it later would make it for everybody."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        words = f"The home {home} cannot be used: {error.strerror}."
        raise StorageError(words, remedy="Choose another with --home or STEPHERD_HOME.") from error


def ask_repository(home: Path, request: Request) -> None:
    """Ask the repository for the base and the branch: what cannot be cloned, or pushed, is refused before
    anything starts."""
    from stepherd.repositories.address import parse_repository
    from stepherd.repositories.branch_room import PushTarget
    from stepherd.repositories.credentials import GitCredentials
    from stepherd.repositories.probe import probe
    from stepherd.services import read_secret

    secret = read_secret(request.git_credentials or "")
    credentials = GitCredentials.from_secret(secret, owner_hosts=(request.git_token_host,))
    _make_private(home)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=home) as scratch:
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
        words = f"The run '{self._run_id}' exists already, and it was another request or has ended."
        remedy = f"Look at it with 'stepherd status {self._run_id}', or choose another --name."
        return CannotCreateError(words, remedy=remedy)
