"""Starting a run on a stack: checked here, its instructions taken to the stack's store, then started."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from stepherd.agents.credentials import sole_secrets
from stepherd.agents.registry import get_agent
from stepherd.backends.beginning import Beginning
from stepherd.backends.client import Call, Refused
from stepherd.backends.typed_repo import with_typed_host
from stepherd.errors import (
    CannotCreateError,
    CredentialsError,
    DataError,
    StepherdError,
    TemporaryError,
    UnavailableError,
    UsageError,
)
from stepherd.remedies import Remedy
from stepherd.repositories.address import parse_repository
from stepherd.repositories.secret_patterns import SecretPatterns
from stepherd.runs.network import checked_network
from stepherd.runs.prepare import check_whole_request
from stepherd.runs.secret_names import check_secret_names

if TYPE_CHECKING:
    from stepherd.backends.stack.backend import StackBackend
    from stepherd.runs.instructions import Instructions
    from stepherd.runs.request import Request
    from stepherd.services.store.contract import Store

__all__ = ["prepare_on_stack"]

_OF_THIS_MACHINE: Final = ("env:", "file:")
_PLACES: Final = {"git_credentials": "git", "agent_credentials": "agents"}
"""Where requests' secrets lie below the stack's name."""


def prepare_on_stack(backend: StackBackend, run_id: str, request: dict[str, Any]) -> Beginning:
    """Check a request and take its instructions along.

    Whatever is wrong is found before anything is written: in fields, front matter, instructions, in a
    repository or secret that only this machine has. Raises the errors of ``check_whole_request``, UsageError,
    CredentialsError, DataError for instructions that hold a secret; beginning it, CannotCreateError.
    """
    default_agent = backend.stack.parameters.get("DefaultAgent", "")
    backend.check_can_start()
    request = with_typed_host(request)
    checked, instructions = check_whole_request(run_id, request, default_agent=default_agent)
    checked_network(checked.network, allow_local=False)
    _check_repository(backend, request, checked)
    _check_credentials(backend, checked)
    if str(request["instructions"]).startswith("s3://"):
        return Beginning(run_id, _Start(backend, run_id, request))
    _check_no_secret(instructions)
    # A folder of its own for each try: another run of this name may be reading what it was given.
    given = backend.store().child(f"runs/{run_id}/given/{secrets.token_hex(4)}")
    try:
        instructions.freeze(given)
    except StepherdError:
        _remove(given, instructions)
        raise
    whole = {**request, "instructions": given.reference}
    return Beginning(run_id, _Start(backend, run_id, whole), undo=lambda: _remove(given, instructions))


class _Start:
    """StartExecution, once: called again it only gives the run's id."""

    def __init__(self, backend: StackBackend, run_id: str, request: Mapping[str, Any]) -> None:
        self._backend = backend
        self._run_id = run_id
        self._request = request
        self._started = False

    def __call__(self, call: Call) -> str:
        if not self._started:
            self._start(call)
            self._started = True
        return self._run_id

    def _start(self, call: Call) -> None:
        text = json.dumps(self._request)
        request = {"stateMachineArn": self._backend.machine_arn(), "name": self._run_id, "input": text}
        try:
            call("StartExecution", request)
        except (TemporaryError, UnavailableError) as error:
            words = f"{error.message} Run {self._run_id} may or may not have started."
            raise type(error)(words, remedy=Remedy("Look: ", ("status", self._run_id))) from error
        except Refused as error:
            if error.code != "ExecutionAlreadyExists":
                raise
            raise CannotCreateError(
                f"The run '{self._run_id}' is in {self._backend.title}, or was in the last 90 days.",
                remedy=Remedy("Look at it with '", ("status", self._run_id), "', or choose another --name."),
            ) from error


def _remove(given: Store, instructions: Instructions) -> None:
    for name in instructions.files:
        try:
            given.delete(name)
        except StepherdError:
            return  # Whatever stopped the run stops this, too; the bucket forgets it with the runs.


def _check_no_secret(instructions: Instructions) -> None:
    """Refuse what would stop a push, too. Raises DataError naming file and line."""
    patterns = SecretPatterns()
    for name in instructions.files:
        for number, line in enumerate(instructions.read(name).splitlines(), start=1):
            kind = patterns.kind_of(line)
            if kind:
                raise DataError(
                    f"The instructions contain {kind}, in line {number} of {name}, and would be "
                    "stored in the cloud.",
                    remedy="Remove it: a run gets secrets with --agent-credentials and --git-credentials.",
                )


def _check_repository(backend: StackBackend, request: Mapping[str, Any], checked: Request) -> None:
    if parse_repository(checked.repo).kind == "file":
        named = str(request.get("repo") or checked.repo)
        origin = f"$(git -C {shlex.quote(named)} remote get-url origin)"
        raise UsageError(
            f"The repository {named} is on this machine, where {backend.title} cannot reach it.",
            remedy=f'Push it to a host and give its address: --repo "{origin}". Or run here: --context local',
        )


def _check_credentials(backend: StackBackend, checked: Request) -> None:
    """Secrets must be where the stack can read them."""
    outputs = backend.stack.outputs
    named = [(field, f"--{field.replace('_', '-')} ", getattr(checked, field)) for field in _PLACES]
    named += [("agent_credentials", f"--secret {name}=", ref) for name, ref in checked.secrets.items()]
    for field, option, reference in named:
        if str(reference or "").startswith(_OF_THIS_MACHINE):
            raise UsageError(
                f"{option}{reference} names a secret on this machine, which {backend.title} cannot read.",
                remedy="Store it in Secrets Manager and name that: aws secretsmanager create-secret "
                f"--name {backend.stack.name}/{_PLACES[field]}/NAME --secret-string file://PATH; "
                f"{option}{backend.stack.name}/{_PLACES[field]}/NAME",
            )
    readable = {"git_credentials": "GitSecrets", "agent_credentials": "AgentSecrets"}
    check_secret_names(asdict(checked), {field: outputs.get(name, "") for field, name in readable.items()})
    agent = get_agent(checked.agent)
    if checked.has_key(sole_secrets(agent)) or agent.login is not None or not agent.secret_names:
        return
    if not backend.stack.parameters.get("AgentCredentialsSecretId"):
        raise CredentialsError(
            f"The agent '{agent.name}' has no credentials in {backend.title}: "
            f"none of {', '.join(sole_secrets(agent))} is known there.",
            remedy=Remedy(
                "Store one for all runs: ",
                ("init", "--agent-key", f"{agent.name}=env:{sole_secrets(agent)[0]}"),
            ),
        )
