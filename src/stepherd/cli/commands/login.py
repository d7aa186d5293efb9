"""The command ``stepherd login``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepherd.backends.login_locations import login_location
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import group as declared
from stepherd.client.logging_in import login_error
from stepherd.logins.kinds import DEFAULT_KIND, login_kind, login_kinds
from stepherd.services.aws.installed import require_boto3
from stepherd.text.moments import until_text

if TYPE_CHECKING:
    from stepherd.history.logins import LoginProgress

__all__ = ["command"]


@declared(
    "login",
    subcommands={
        "status": ("stepherd.cli.commands.login_status", "Show who is logged in, and for how long.")
    },
    examples=(
        "stepherd login",
        "stepherd login --agent kiro --no-browser",
        "stepherd login --identity-provider https://example.awsapps.com/start",
        "stepherd login status",
    ),
)
@click.option(
    "--agent",
    type=click.Choice(login_kinds()),
    default=DEFAULT_KIND,
    show_default=True,
    help="The agent to log in to.",
)
@click.option(
    "--license",
    type=click.Choice(["free", "pro"]),
    help="free: AWS Builder ID. pro: IAM Identity Center. Default: as --identity-provider implies.",
)
@click.option("--identity-provider", metavar="URL", help="Start URL of your company's IAM Identity Center.")
@click.option("--region", metavar="REGION", help="Region of the identity provider. Default: us-east-1.")
@click.option("--profile", metavar="NAME", help="The subscription to use, if your company has several.")
@click.option("--force", is_flag=True, help="Log in again even if the login is still valid.")
@click.option("--no-browser", is_flag=True, help="Show the address, but do not open it.")
@click.option("--database", metavar="REF", help="Store the login in this database: a path, or s3://….")
def command(call: Invocation, *, no_browser: bool, **given: Any) -> int:
    """Log in to an agent's service: shows an address and a code, and waits until you approve it.

    Later runs that need this login start without asking. Exit code: 0 logged in, 77 declined or not
    approved in time, 130 cancelled with Ctrl-C.
    """
    # For the start-up time of --help: a session loads asyncio and the engine's address.
    from stepherd.cli.login.request import asked_request
    from stepherd.cli.login.session import EXIT_CODES, LoginSession
    from stepherd.cli.login.view import make_login_view
    from stepherd.cli.terminal.browser import can_open, open_page

    require_boto3("The identity provider")
    kind = login_kind(given["agent"])
    request = asked_request(call, given)
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
