"""``stepherd keys``: the API keys of the HTTP API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from stepherd.api_keys.opening import open_ring
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.errors import UsageError
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.api_keys.ring import KeyRing

__all__ = ["command"]

_SCOPES = ("runs:read", "runs:write", "admin")
_PERIOD = re.compile(r"([1-9]\d{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_WIDTHS = (18, 10, 7)


@click.group("keys")
def command() -> None:
    """Create, list and revoke API keys of the HTTP API.

    The secret holds only hashes. Several keys can be valid at once: to replace one, create another,
    distribute it, and then revoke the old one. A revoked key is refused everywhere within five minutes.
    """


def _secret_option(decorated: Any) -> Any:
    return click.option(
        "--secret",
        metavar="REF",
        envvar="API_KEYS_SECRET_ID",
        help="The secret with the keys: a Secrets Manager id or ARN (the stack's output ApiKeysSecretId), "
        "or file:PATH. Default: API_KEYS_SECRET_ID, or the secret of the stack in use.",
    )(decorated)


@declared("create", examples=("stepherd keys create --owner ada --expires 90d",))
@_secret_option
@click.option(
    "--owner", required=True, metavar="NAME", help="The owner of the runs that the key starts and sees."
)
@click.option(
    "--scope",
    type=click.Choice(_SCOPES),
    default="runs:write",
    show_default=True,
    help="What the key may do.",
)
@click.option("--expires", metavar="WHEN", help="12h, 90d, 8w, or a time such as 2027-01-31T00:00:00Z.")
def create(call: Invocation, secret: str | None, owner: str, scope: str, expires: str | None) -> int:
    """Create a key and print it once; it is not stored."""
    key, entry = _ring(call, secret).create(owner, scope, _moment(expires, datetime.now(UTC)))
    if call.output.as_json:
        call.output.json({**entry.to_json(datetime.now(UTC)), "key": key})
        return 0
    call.output.data(key)
    until = f" until {entry.expires}" if entry.expires else ""
    call.output.note(f"{entry.owner} can use it{until}. It is shown only once: save it now.")
    return 0


@declared("list", examples=("stepherd keys list --json | jq '.keys[] | select(.state == \"valid\")'",))
@_secret_option
def show(call: Invocation, secret: str | None) -> int:
    """List the keys: the beginning of each, its owner, and whether it is valid."""
    now = datetime.now(UTC)
    rows = [entry.to_json(now) for entry in _ring(call, secret).entries()]
    if call.output.as_json:
        call.output.json({"keys": rows})
        return 0
    for row in rows:
        end = f"  expires {row['expires']}" if row["state"] == "valid" and row["expires"] else ""
        cells = zip((row["key"], row["scope"], row["state"]), _WIDTHS, strict=True)
        head = "  ".join(f"{text:<{width}}" for text, width in cells)
        call.output.data(f"{head}  {row['owner']}  made {row['created']}{end}")
    if not rows:
        none = Remedy("There are no keys yet. Create one: ", ("keys", "create", "--owner", "NAME"))
        call.output.note(call.advice(none))
    return 0


@declared("revoke", examples=("stepherd keys revoke 3fa9c1d2",))
@_secret_option
@click.argument("key_id", metavar="ID")
def revoke(call: Invocation, secret: str | None, key_id: str) -> int:
    """Revoke a key for good. ID is the eight digits after sk_live_, as 'keys list' shows them."""
    entry = _ring(call, secret).revoke(key_id)
    if call.output.as_json:
        call.output.json(entry.to_json(datetime.now(UTC)))
        return 0
    call.output.note(
        f"The key sk_live_{entry.id}… of {entry.owner} is revoked; it stops working everywhere "
        "within five minutes."
    )
    return 0


for one, words in (
    (create, "Create a key and print it once."),
    (show, "List the keys: owner, scope, whether each is valid."),
    (revoke, "Revoke a key for good."),
):
    one.short_help = words  # click would cut the first sentence of each at 45 characters
    command.add_command(one)


def _ring(call: Invocation, secret: str | None) -> KeyRing:
    """The keys in the secret that is named, else in the stack's own."""
    return open_ring(secret or call.backend.keys_secret())


def _moment(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    period = _PERIOD.fullmatch(text)
    try:
        if period:
            return now + timedelta(**{_UNITS[period[2]]: int(period[1])})
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"'{text}' is not a time.", remedy="Use 12h, 90d, 8w, or a time such as 2027-01-31T00:00:00Z."
        ) from None
