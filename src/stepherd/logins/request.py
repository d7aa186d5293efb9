"""The request to the login machine, as its functions get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stepherd.errors import UsageError
from stepherd.logins.failures import login_command
from stepherd.logins.kinds import LoginKind, login_kind
from stepherd.logins.location import LoginLocation
from stepherd.logins.opening import open_location
from stepherd.remedies import Remedy, changed
from stepherd.services.store.opening import open_store

__all__ = ["LoginRequest"]

_TEXTS: Final = ("run_id", "folder", "reference", "region", "identity_provider", "license", "profile")


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login that somebody needs: the execution's input, and which execution it is."""

    kind: LoginKind
    execution: str
    """The ARN of the login machine's execution."""
    holder: str
    """The ARN of the execution that the lease is for: the run's, or ``execution`` itself."""
    redrives: int = 0
    run_id: str = ""
    folder: str = ""
    """The URI of the run folder; empty when a person asked."""
    reference: str = ""
    """Of the login database; empty: its place in the store."""
    region: str = ""
    identity_provider: str = ""
    license: str = ""
    """``free``, ``pro`` or empty."""
    profile: str = ""
    """Name or ARN of the profile to choose."""
    force: bool = False
    """Ask a person even when the login is good."""

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> LoginRequest:
        """From the machine's variable ``wanted``. Raises UsageError naming what is not acceptable."""
        texts = {name: fields.get(name) or "" for name in _TEXTS}
        wrong = [name for name, value in texts.items() if not isinstance(value, str) or len(value) > 2048]
        if texts["license"] not in {"", "free", "pro"}:
            wrong.append("license")
        redrives = fields.get("redrives") or 0
        if type(redrives) is not int or redrives < 0:
            wrong.append("redrives")
        if wrong:
            raise UsageError(
                f"The field '{wrong[0]}' of a login is not acceptable.",
                remedy=Remedy("See: ", ("login", "--help")),
            )
        return cls(
            kind=login_kind(str(fields.get("agent"))),
            execution=str(fields["execution"]),
            holder=str(fields["holder"]),
            redrives=redrives,
            force=bool(fields.get("force")),
            **texts,
        )

    def location(self, store: str) -> LoginLocation:
        """Where its database is, with ``store`` for one without a reference."""
        return open_location(self.kind, self.reference or None, open_store(store))

    @property
    def name(self) -> str:
        """The run's name, or that of the execution which a person started."""
        return self.run_id or self.execution.rsplit(":", 1)[-1]

    @property
    def asker(self) -> str:
        """The run that needs it, for people."""
        return f"The run {self.run_id}" if self.run_id else "A person using stepherd login"

    @property
    def again(self) -> str:
        """The command by which a person is asked again, as a remedy."""
        if self.run_id:
            return Remedy("Try again with: ", ("redrive", self.run_id))
        return changed(login_command(self.kind.name), lambda text: text.replace("Log in", "Try again"))
