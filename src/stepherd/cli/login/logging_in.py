"""Logging in to an agent's service from a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepherd.backends.login_locations import login_location
from stepherd.cli.invocation import Invocation
from stepherd.cli.login.request import complete_request
from stepherd.cli.login.session import EXIT_CODES, LoginSession
from stepherd.cli.login.view import make_login_view
from stepherd.cli.terminal.browser import can_open, open_page
from stepherd.client.logging_in import login_error
from stepherd.logins.kinds import login_kind
from stepherd.services.aws.installed import require_boto3
from stepherd.text.moments import until_text

if TYPE_CHECKING:
    from stepherd.history.logins import LoginProgress

__all__ = ["log_in"]


def log_in(call: Invocation, given: Mapping[str, Any], *, no_browser: bool) -> int:
    """Ask a person to log in and show the login; return the exit code. ``given`` are the command's options.

    Raises the login's error when it fails, ConfigurationError without boto3.
    """
    require_boto3("The identity provider")
    kind = login_kind(given["agent"])
    request = complete_request(call, given)
    opens = open_page if can_open() and not no_browser else lambda _url: False
    session = LoginSession(call, request, make_login_view(call.output, kind.title, opens))
    code = EXIT_CODES.get(session.follow())
    if code is not None:
        call.output.note("The login was cancelled; nothing stored has changed.", fg="yellow")
        return code
    if session.progress.status != "SUCCEEDED":
        raise login_error(session.progress, call.advice)
    return _logged_in(call, kind.name, kind.title, request.get("reference"), session)


def _logged_in(call: Invocation, agent: str, title: str, reference: str | None, session: Any) -> int:
    login: LoginProgress = session.progress
    account, expires_at = str(login.output.get("account", "")), str(login.output.get("expires_at", ""))
    location = login_location(call.backend, agent, reference)
    if call.output.as_json:
        fields = {"agent": agent, "status": "valid", "account": account, "expires_at": expires_at}
        call.output.json(
            {**fields, "database": location.reference, "asked": login.asked, "execution": session.name}
        )
        return 0
    head = f"Logged in to {title}" if login.asked else f"Already logged in to {title}"
    call.output.note(f"{head}: {account}", fg="green", bold=True)
    call.output.note(f"  until    {until_text(expires_at)}")
    call.output.note(f"  stored   {location.reference.removeprefix('file://')}")
    if not login.asked:
        call.output.note(f"  again    {call.command('login', '--agent', agent, '--force')}")
    return 0
