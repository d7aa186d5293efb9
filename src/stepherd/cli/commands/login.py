"""The command ``stepherd login``."""

from __future__ import annotations

from typing import Any

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import group as declared
from stepherd.logins.kinds import DEFAULT_KIND, login_kinds

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
@click.option("--region", metavar="REGION", help="The identity provider's region. Default: us-east-1.")
@click.option("--profile", metavar="NAME", help="The subscription to use, if your company has several.")
@click.option("--force", is_flag=True, help="Log in again even if the login is still valid.")
@click.option("--no-browser", is_flag=True, help="Show the address, but do not open it.")
@click.option("--database", metavar="REF", help="Store the login in this database: a path, or s3://….")
def command(call: Invocation, *, no_browser: bool, **given: Any) -> int:
    """Log in to an agent's service: shows an address and a code, and waits until you approve it.

    Later runs that need this login start without asking. Exit code: 0 logged in, 77 declined or not
    approved in time, 130 cancelled with Ctrl-C.
    """
    from stepherd.cli.login.logging_in import log_in  # for the start-up time of --help

    return log_in(call, given, no_browser=no_browser)
