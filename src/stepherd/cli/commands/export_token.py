"""``stepherd export-token``, also ``stepherd user export-token``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from stepherd.backends.login_locations import lease_of, login_location
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.errors import StepherdError, TemporaryError
from stepherd.logins.export import exported, exported_other
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.kinds import login_kinds
from stepherd.logins.renewal import ensure_fresh
from stepherd.text.moments import until_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepherd.backends.login_locations import Lease
    from stepherd.logins.location import LoginLocation
    from stepherd.logins.login import Login

__all__ = ["command"]

_WARNING = (
    "Warning: anyone who has these tokens can act as you until they expire. Do not print them in logs, keep "
    "them in files that others can read, or send them to anyone."
)


@declared(
    "export-token",
    examples=(
        "stepherd export-token | jq -r .accessToken",
        "stepherd export-token --database ~/.local/share/amazon-q/data.sqlite3",
        "stepherd export-token --agent kiro --no-refresh-token",
    ),
)
@click.option(
    "--agent",
    type=click.Choice(login_kinds()),
    help="The agent whose login to print. Default: the one that has a login.",
)
@click.option("--database", metavar="REF", help="The login database: a path, or s3://….")
@click.option(
    "--no-refresh-token",
    is_flag=True,
    help="Leave out the refresh token; the access token expires within the hour.",
)
def command(call: Invocation, agent: str | None, database: str | None, no_refresh_token: bool) -> int:
    """Print a login as JSON: accessToken, refreshToken, expiresAt, tokenType, profileArn, region, service.

    A login that has expired is renewed first, and stored. Exit code 77 when a person has to log in.
    """
    fields = dict(_exported(call, agent, database))
    if no_refresh_token:
        del fields["refreshToken"]
    call.output.note(_WARNING, fg="yellow")
    call.output.json(fields)
    return 0


def _exported(call: Invocation, agent: str | None, database: str | None) -> Mapping[str, str | None]:
    """The login that is asked for; where there is none, a token that only the CLI itself can renew."""
    locations = _locations(call, agent, database)
    location = next((location for location in locations if _has_login(location)), locations[0])
    try:
        return exported(_usable(call, location))
    except LoginNeeded:
        for location in locations:
            if (other := exported_other(location, datetime.now(UTC))) is not None:
                return other
        raise


def _locations(call: Invocation, agent: str | None, database: str | None) -> list[LoginLocation]:
    """The locations that are asked for; without a name those of all agents, Amazon Q's first."""
    kinds = (agent,) if agent else login_kinds()
    return [login_location(call.backend, kind, database) for kind in kinds]


def _has_login(location: LoginLocation) -> bool:
    try:
        stored = location.load()
    except StepherdError:
        return True  # Opening it for the token will raise the same error, which says what is wrong.
    return stored is not None and stored.login.token is not None


def _usable(call: Invocation, location: LoginLocation) -> Login:
    """The login, renewed when it has ended, unless a run has it: two that renew one login end it for both."""
    now = datetime.now(UTC)
    lease = lease_of(call.backend, location)
    if lease is None or not lease.held:
        return ensure_fresh(location, now).login
    stored = location.load()
    if stored is None or stored.login.token is None:
        return ensure_fresh(location, now).login  # Says what to do.
    if stored.login.expired(now):
        raise _in_use(call, lease)
    ends = until_text(stored.login.token.expires_at)
    call.output.note(
        f"The login is in use by {lease.run_id}, so its token is printed unchanged; it is valid "
        f"until {ends}.",
        fg="yellow",
    )
    return stored.login


def _in_use(call: Invocation, lease: Lease) -> StepherdError:
    remedy = f"Try again when it has done so: {call.command('status', lease.run_id)}"
    if lease.is_login:
        remedy = "Approve that login, or try again when it has ended."
    return TemporaryError(
        f"The token has expired, and {lease.run_id}, which holds the login, has not renewed it yet.",
        remedy=remedy,
    )
