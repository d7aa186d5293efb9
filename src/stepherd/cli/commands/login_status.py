"""The command ``stepherd login status``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from stepherd.backends.login_outlook import outlooks
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.kinds import login_kinds
from stepherd.text.moments import until_text

if TYPE_CHECKING:
    from stepherd.backends.login_outlook import Outlook

__all__ = ["command"]

_HANG = 12
"""The column at which values begin."""
_NEXT_RUN = {
    "passes": ("passes without asking", "green"),
    "refreshes": ("renews it first, without asking", "green"),
    "asks": ("asks a person to log in", "yellow"),
}
NEEDED = 77
"""The exit code when only a person can help."""


@declared(
    "status", examples=("stepherd login status", "stepherd login status --agent q && echo no one is asked")
)
@click.option("--agent", type=click.Choice(login_kinds()), help="Show only this agent's login.")
@click.option("--database", metavar="REF", help="The login database: a path, or s3://….")
def command(call: Invocation, agent: str | None, database: str | None) -> int:
    """Show who is logged in, until when, where the login is stored, and what the next run will do.

    Does not ask the identity provider. Exit code: 0 when the next run needs no person, 77 when someone has
    to log in; without --agent, 0 when that is true for at least one login.
    """
    found = list(outlooks(call.backend, agent, database))
    usable = any(one.next_run != "asks" for one in found)
    if call.output.as_json:
        now = datetime.now(UTC)
        call.output.json({"usable": usable, "logins": [one.to_json(now) for one in found]})
        return 0 if usable else NEEDED
    for one in found:
        _show(call, one)
    return 0 if usable else NEEDED


def _show(call: Invocation, one: Outlook) -> None:
    call.output.data(f"{one.title} ({one.agent})", bold=True)
    for text, how in _lines(call, one):
        call.output.data(text, hang=_HANG, **how)


def _lines(call: Invocation, one: Outlook) -> Iterator[tuple[str, dict[str, Any]]]:
    who = one.account or "no one is logged in"
    yield f"  account   {who}{f', profile {one.profile}' if one.profile else ''}", {}
    if one.expires_at:
        yield f"  until     {until_text(one.expires_at)}", {}
    yield f"  stored    {one.database.removeprefix('file://')}", {}
    if one.error:
        yield f"  error     {one.error.message}", {"fg": "red"}
    if one.account:
        yield f"  renewal   {_renewal(one)}", {}
    if one.lease and one.lease.held:
        yield f"  in use    {_holder(one)}", {}
    if one.error and not isinstance(one.error, DamagedDatabase):
        # No person is asked, for a login would not help.
        yield "  next run  fails unless that changes", {"fg": "yellow"}
        yield f"  remedy    {call.advice(one.error.remedy)}", {}
        return
    words, colour = _NEXT_RUN[one.next_run]
    yield f"  next run  {words}", {"fg": colour}
    if one.next_run == "asks":
        yield f"  log in    {call.command('login', '--agent', one.agent)}", {}


def _renewal(one: Outlook) -> str:
    if one.refresh_until is None:
        return f"not possible. {one.why_no_refresh or ''}".strip()
    ends = f"possible until {until_text(one.refresh_until)}, when its client registration ends"
    return f"{ends}, unless your company's sessions end sooner" if one.is_identity_center else ends


def _holder(one: Outlook) -> str:
    assert one.lease is not None
    who = (
        f"someone who is logging in ({one.lease.run_id})" if one.lease.is_login else f"run {one.lease.run_id}"
    )
    return f"by {who}" + ("" if one.lease.running else ", which is not known to have ended")
