"""Starting a run: the request checked before anything begins, while what begins later is loaded already."""

from __future__ import annotations

import json
import tempfile
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.backends.client import ApiFault, Call, EngineGone, execution_arn, machine_arn, remote_call
from stepherd.backends.home.agent_credentials import with_agent_credentials
from stepherd.backends.home.programs import check_installed
from stepherd.backends.home.runner_selection import RunnerSelection, check_programs
from stepherd.backends.typed_repo import with_typed_host
from stepherd.cli.output import Output
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

__all__ = ["ask_repository", "start", "start_detached"]

_NEEDED_LATER = (
    "stepherd.engine.api.operations",
    "stepherd.engine.api.endpoint",
    "stepherd.engine.api.http_serving",
)


def start(
    output: Output, run_id: str, request: dict[str, Any], runner: RunnerChoice | None = AS_PROCESSES
) -> int:
    """Check a request, run it, show it to its end; the exit code. A ``runner`` of None is chosen here.

    A repository that cannot be reached, or a base that is not there, is found before anything starts.
    While that is looked into, the engine is loaded and the first processes begin: the run starts as soon as
    the answer is good, and nothing is left of them when it is not. A home that is new waits for the check of
    the request, so that a mistake does not even leave a folder.
    """
    engine = _warmed_up(output.home) if (output.home / JOURNAL).exists() else None
    try:
        request = with_typed_host(request)
        checked = _check(run_id, request)
        with RunnerSelection.begin(output.home, runner, checked.network or OPEN) as selection:
            request = with_agent_credentials(checked, request)
            engine = engine or _warmed_up(output.home)
            if engine:  # Not earlier: until there is something to wait for, it would only be in the way.
                threading.Thread(target=_load_later, daemon=True).start()
            ask_repository(output.home, checked)
        begin = _Start(output.home, run_id, request, _chosen(output.home, selection, checked))
        from stepherd.cli.follow.follow import carry
    except BaseException:
        if engine:
            engine.release()
        raise
    return carry(output, begin, engine=engine, remark=selection.remark())


def start_detached(
    output: Output, run_id: str, request: dict[str, Any], runner: RunnerChoice | None = AS_PROCESSES
) -> int:
    """Check a request and start it on an engine that goes on in the background. ``runner`` as above."""
    from stepherd.backends.home.background import background_engine
    from stepherd.backends.sources import events_after
    from stepherd.cli.follow.follow import left_running
    from stepherd.cli.follow.outcome import describe
    from stepherd.history.progress import Progress

    request = with_typed_host(request)
    checked = _check(run_id, request)
    with RunnerSelection.begin(output.home, runner, checked.network or OPEN) as selection:
        request = with_agent_credentials(checked, request)
        ask_repository(output.home, checked)
    begin = _Start(output.home, run_id, request, _chosen(output.home, selection, checked))
    while True:
        call = remote_call(find_engine(output.home) or background_engine(output.home))
        try:
            begin(call)
            break
        except EngineGone:
            continue  # It was about to end: another one has the home by now, or will.
    if selection.remark():
        output.note(selection.remark())
    left_running(output, run_id)
    if output.as_json:
        progress = Progress()
        progress.feed(events_after(call, execution_arn(run_id), 0))
        output.json(describe(output, call, run_id, progress))
    else:
        output.data(run_id)
    return 0


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


def _warmed_up(home: Path) -> LocalEngine | None:
    """An engine of our own, with the first function's process begun, unless another one serves the home."""
    if find_engine(home):
        return None
    from stepherd.backends.home.forks import new_fork_server

    _make_private(home)
    forks = new_fork_server(home)
    forks.start()  # First of all: it loads what is forked, while this process loads the engine.
    try:
        from stepherd.backends.home.engines import new_engine

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
        except ApiFault as error:
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
