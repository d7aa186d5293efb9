"""``stepherd run``: Validate → Execute → show → recommend."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import PIPELINE, ApiFault, machine_arn
from stepherd.cli.options import home_option, home_path, json_option
from stepherd.cli.output import Output
from stepherd.errors import CannotCreateError

__all__ = ["command"]


@click.command("run", short_help="Run an agent from instructions to a pushed branch.")
@click.option("--repo", metavar="URL|PATH", help="The git repository to work in.")
@click.option(
    "--instructions", metavar="PATH|URI", required=True, help="A file, or a folder with instructions.md."
)
@click.option("--agent", metavar="NAME", help="Which agent: command, apply.")
@click.option("--command", "command_line", metavar="CMD", help="The command line of the agent 'command'.")
@click.option(
    "--base", metavar="REF", help="Branch, tag or commit to start from. Default: the default branch."
)
@click.option("--branch", metavar="NAME", help="Branch to push to. Default: stepherd/<run id>.")
@click.option("--message", metavar="TEXT", help="Commit message. Default: the instructions' title.")
@click.option("--timeout", metavar="SECONDS", type=int, help="Time limit of the agent. Default: 3600.")
@click.option(
    "--push", type=click.Choice(["branch", "none"]), help="none leaves a bundle for 'stepherd pull'."
)
@click.option("--verify", metavar="CMD", help="Command to run in the workspace after the agent.")
@click.option("--verify-required", is_flag=True, default=None, help="A failing verify command fails the run.")
@click.option(
    "--git-credentials", metavar="REF", help="Secret with the git token or key: an id, env:NAME or file:PATH."
)
@click.option("--name", metavar="RUN_ID", help="The run's id. Default: made from the time.")
@click.option("--detach", is_flag=True, help="Run in the background; print the run id and return.")
@json_option
@home_option
def command(home: Path | None, as_json: bool, detach: bool, name: str | None, **given: Any) -> int:
    """Run an agent from written instructions to a pushed branch.

    The run's branch is printed on standard output, what goes on appears on standard error.
    """
    from stepherd.runs.ids import check_run_id, new_run_id

    output, place = Output(as_json=as_json), home_path(home)
    run_id = check_run_id(name) if name is not None else new_run_id()
    request = _request(**given)
    _check(run_id, request, place)
    if detach:
        return _detached(run_id, request, place, output)
    from stepherd.cli.drive import drive
    from stepherd.cli.sources import Source

    async def begin(source: Source) -> str:
        await source.call("StartExecution", _start(run_id, request))
        if output.can_ask or not output.live:
            output.note(f"Run {run_id}")
        return run_id

    with _name_taken(run_id):
        return drive(place, output, begin)


def _request(command_line: str | None, timeout: int | None, **given: Any) -> dict[str, Any]:
    fields = {**given, "command": command_line, "timeout_seconds": timeout}
    request = {name: value for name, value in fields.items() if value is not None}
    request["instructions"] = _absolute(request["instructions"])
    if "repo" in request:
        request["repo"] = _absolute(request["repo"])
    return request


def _absolute(reference: str) -> str:
    """A path as seen from the task's folder; anything that is no existing path stays as it is."""
    path = Path(reference).expanduser()
    return str(path.resolve()) if path.exists() else reference


def _check(run_id: str, request: dict[str, Any], home: Path) -> None:
    """Refuse what cannot be run before anything is started, the repository and its base included."""
    from stepherd.repositories.address import parse_repository
    from stepherd.repositories.credentials import GitCredentials
    from stepherd.repositories.probe import probe
    from stepherd.runs.prepare import check_whole_request
    from stepherd.services import read_secret

    checked, _ = check_whole_request(run_id, request)
    credentials = GitCredentials.from_secret(read_secret(checked.git_credentials or _default_credentials()))
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=home) as scratch:
        probe(parse_repository(checked.repo), credentials, Path(scratch), checked.base)


def _default_credentials() -> str:
    import os

    return os.environ.get("GIT_CREDENTIALS_SECRET_ID", "")


def _start(run_id: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"stateMachineArn": machine_arn(PIPELINE), "name": run_id, "input": json.dumps(request)}


class _name_taken:
    """Turns the API's ExecutionAlreadyExists into the run that there is."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ApiFault) and error.code == "ExecutionAlreadyExists":
            words = f"The run '{self._run_id}' exists already, and it was another request or has ended."
            remedy = f"Look at it with 'stepherd status {self._run_id}', or choose another --name."
            raise CannotCreateError(words, remedy=remedy) from error


def _detached(run_id: str, request: dict[str, Any], home: Path, output: Output) -> int:
    from stepherd.cli.client import remote_call
    from stepherd.cli.engines import background_engine
    from stepherd.engine.lock import find_engine

    address = find_engine(home) or background_engine(home)
    with _name_taken(run_id):
        remote_call(address)("StartExecution", _start(run_id, request))
    if output.as_json:
        output.json({"run_id": run_id, "status": "RUNNING"})
    else:
        output.note(
            f"Started in the background.\n"
            f"  follow   stepherd watch {run_id}\n  stop     stepherd stop {run_id}"
        )
        output.data(run_id)
    return 0
