"""The kinds of logins: where an agent's CLI keeps its login, and under which names (facts: q-cli.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stepherd.errors import UsageError

__all__ = ["LoginKind", "login_kind", "login_kinds"]

_SCOPES: Final = tuple(f"codewhisperer:{name}" for name in ("completions", "analysis", "conversations"))


@dataclass(frozen=True, slots=True)
class LoginKind:
    """One CLI's way of keeping its login."""

    name: str
    """As in the request's agent and in ``stepherd login --agent``."""
    title: str
    """For people."""
    folder: str
    """The CLI's folder below the user's data folder; data.sqlite3 lies in it."""
    client_name: str
    """What the CLI registers itself as with the identity provider."""
    scopes: tuple[str, ...]
    row: str
    """The row of auth_kv that holds the token."""
    registration_row: str
    """The row of auth_kv that holds the client registration."""
    other_rows: tuple[str, ...] = ()
    """Rows that hold tokens of other ways to log in, which we carry along and cannot refresh."""


_KINDS: Final = {
    kind.name: kind
    for kind in (
        LoginKind(
            name="q",
            title="Amazon Q Developer",
            folder="amazon-q",
            client_name="Amazon Q Developer for command line",
            scopes=_SCOPES,
            row="codewhisperer:odic:token",
            registration_row="codewhisperer:odic:device-registration",
        ),
        LoginKind(
            name="kiro",
            title="Kiro",
            folder="kiro-cli",
            client_name="Kiro CLI",
            scopes=_SCOPES,
            row="kirocli:odic:token",
            registration_row="kirocli:odic:device-registration",
            other_rows=("kirocli:social:token", "kirocli:external-idp:token"),
        ),
    )
}


def login_kinds() -> tuple[str, ...]:
    """The names that ``login_kind`` knows."""
    return tuple(_KINDS)


def login_kind(name: str) -> LoginKind:
    """The kind of that name. Raises UsageError listing the known ones."""
    if name not in _KINDS:
        raise UsageError(
            f"There is no login of a kind {name!r}.", remedy=f"The kinds are {', '.join(_KINDS)}."
        )
    return _KINDS[name]
