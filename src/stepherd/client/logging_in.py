"""A person's login to an agent's service: an execution of the login machine that a person starts."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.beginning import Beginning
from stepherd.backends.client import LOGIN, Call, EngineGone, Refused
from stepherd.backends.login_locations import login_location
from stepherd.backends.login_request import login_request
from stepherd.client.records import Login, Waiting
from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    DataError,
    InternalError,
    NotFoundError,
    ProtocolError,
    StepherdError,
    StorageError,
    TemporaryError,
    UnavailableError,
    UsageError,
)
from stepherd.history.logins import LoginProgress
from stepherd.history.runs import events_after
from stepherd.logins.attempts import attempt_id
from stepherd.logins.kinds import login_kinds
from stepherd.remedies import Remedy, known_remedy
from stepherd.services.aws.installed import require_boto3

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["forget_attempt", "log_in", "login_error", "new_login_name", "start_login"]

_LOOK_AGAIN_SECONDS: Final = 0.5
_NAMES: Final[dict[type[StepherdError], str]] = {
    CredentialsError: "LoginDeclined LoginNotApproved LoginCodeExpired LoginNeeded SecretNotFound OidcError",
    UsageError: "ProfileNeeded ForeignAddress",
    DataError: "DamagedDatabase NewerDatabase OtherDatabase",
    NotFoundError: "ObjectNotFound",
    ConfigurationError: "QuotaReached",
    TemporaryError: "LoginHeld WriteConflict",
    UnavailableError: "RefusedByAws",
    StorageError: "PreconditionFailed",
    ProtocolError: "",
}
_ERRORS: Final = {name: kind for kind, names in _NAMES.items() for name in (kind.__name__, *names.split())}
"""The errors of the login machine by their names, each with the class that has its exit code."""


def log_in(backend: Backend, wanted: Mapping[str, Any], show: Callable[[Waiting], None]) -> Login:
    """See ``Client.login``. Whatever ends the waiting ends the login, too."""
    require_boto3("The identity provider")
    request, name = login_request(backend, wanted), new_login_name()
    progress = LoginProgress(backend.execution_arn(name, LOGIN))

    def begin(call: Call) -> str:
        start_login(call, backend, name, request)
        return name

    with Beginning(name, begin) as beginning:
        while progress.status == "RUNNING":
            call = backend.begin(beginning)
            try:
                _wait(call, progress, show)
            except EngineGone:
                continue  # Another one has the home by now, or will.
            except BaseException:
                cause = {"error": "Stopped", "cause": "Cancelled by the program that asked for it."}
                call("StopExecution", {"executionArn": progress.arn, **cause})
                forget_attempt(backend, request, progress.arn, lambda _words: None)
                raise
    if progress.status != "SUCCEEDED":
        raise login_error(progress)
    output = progress.output
    return Login(
        str(request["agent"]), str(output.get("account", "")), str(output.get("expires_at", "")),
        progress.asked,
    )  # fmt: skip


def _wait(call: Call, progress: LoginProgress, show: Callable[[Waiting], None]) -> None:
    shown = None
    while progress.status == "RUNNING":
        progress.feed(events_after(call, progress.arn, progress.last_event))
        if progress.waiting and progress.waiting != shown:
            shown = progress.waiting
            show(shown)
        time.sleep(_LOOK_AGAIN_SECONDS if progress.status == "RUNNING" else 0)


def new_login_name(now: datetime | None = None, token: str | None = None) -> str:
    """A name such as ``login_20261121T101500Z_3fa9c1``."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"login_{moment:%Y%m%dT%H%M%SZ}_{token or secrets.token_hex(3)}"


def start_login(call: Call, backend: Backend, name: str, request: Mapping[str, Any]) -> None:
    """Start an execution of the login machine; of one name there is one."""
    start = {"stateMachineArn": backend.machine_arn(LOGIN), "name": name, "input": json.dumps(request)}
    try:
        call("StartExecution", start)
    except Refused as error:
        # The engine that had begun it was replaced, and the next one continued with it.
        if error.code != "ExecutionAlreadyExists":
            raise


def forget_attempt(
    backend: Backend, request: Mapping[str, Any], arn: str, tell: Callable[[str], None]
) -> None:
    """Remove the device code: what polls for it finds it gone, and ends."""
    try:
        location = login_location(backend, request["agent"], request.get("reference"))
        location.folder.delete(location.attempt_key(attempt_id(arn, 0)))
    except StepherdError as error:
        tell(f"The pending login stays in the store until it expires: {error.message}")


def login_error(login: LoginProgress, advise: Callable[[str], str] = str) -> StepherdError:
    """The error for a login that failed: in the machine's words, with the exit code of its kind."""
    kind = _ERRORS.get(login.error, InternalError)
    if login.status == "ABORTED":
        return TemporaryError("The login was stopped.", remedy=Remedy("Start it again with: ", ("login",)))
    if login.error == "States.Timeout":
        return TemporaryError(
            "A service did not answer in time.", remedy=Remedy("Start it again with: ", ("login",))
        )
    if login.status == "TIMED_OUT":
        return TemporaryError(
            "The login took more than a day.", remedy=Remedy("Start it again with: ", ("login",))
        )
    # A machine's cause is a text: it can name no other command than these.
    commands = [("login", "--agent", name) for name in login_kinds()]
    return kind(advise(known_remedy(login.cause or login.error or "The login failed.", commands)))
