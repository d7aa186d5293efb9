"""A login that a person was asked to approve: private objects beside the login database.

The device code lives here and nowhere else: not in histories, events, notices or logs. Each execution of the
login machine has one attempt, whose code is issued again when it has expired; every write is conditional.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from stepherd.errors import DataError
from stepherd.logins.device import DeviceCode
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Registration
from stepherd.remedies import Remedy
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound

__all__ = ["Attempt", "StoredAttempt", "attempt_id", "read_attempt", "write_attempt"]

AttemptStatus = Literal["open", "approved", "declined", "expired"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The state of asking a person, and the token of the waiting task."""

    registration: Registration
    device: DeviceCode
    start_url: str
    profile: str = ""
    """The profile to choose; empty: the only one."""
    code: int = 1
    """How many codes were issued; the last one counts."""
    status: AttemptStatus = "open"
    interval: int = 5
    """Seconds between two polls, grown by every SlowDown."""
    claim: str = field(default="", repr=False)
    """The poller; empty if there is none."""
    claimed_until: float = 0.0
    """Seconds since the epoch."""

    def usable(self, now: datetime) -> bool:
        """Whether a person can still approve its code."""
        return self.status == "open" and now < self.device.expires_at

    def to_json(self) -> dict[str, Any]:
        """As it is stored: with secrets."""
        return {
            **asdict(self),
            "device": {**asdict(self.device), "expires_at": self.device.expires_at.isoformat()},
            "registration": {
                **asdict(self.registration),
                "client_secret_expires_at": _text(self.registration.client_secret_expires_at),
            },
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Attempt:
        """Raises KeyError, TypeError and ValueError for anything else."""
        device, registration = dict(fields["device"]), dict(fields["registration"])
        device["expires_at"] = datetime.fromisoformat(device["expires_at"])
        ends = registration["client_secret_expires_at"]
        registration["client_secret_expires_at"] = ends and datetime.fromisoformat(ends)
        registration["scopes"] = tuple(registration["scopes"] or ())
        parts = {"device": DeviceCode(**device), "registration": Registration(**registration)}
        return cls(**{**fields, **parts})


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """An attempt as it was read; a write of it fails when another was first."""

    id: str
    attempt: Attempt
    etag: str

    def changed(self, location: LoginLocation, **changes: Any) -> StoredAttempt:
        """Write it with ``changes``. Raises PreconditionFailed, WriteConflict."""
        return write_attempt(location, self.id, replace(self.attempt, **changes), self.etag)


def attempt_id(execution: str, redrives: int) -> str:
    """The name of an execution's attempt; a redrive begins another one."""
    return hashlib.sha256(f"{execution}#{redrives}".encode()).hexdigest()[:32]


def read_attempt(location: LoginLocation, name: str) -> StoredAttempt | None:
    """The attempt of that name; None when there is none. Raises DataError when it is damaged."""
    try:
        found = location.folder.get(location.attempt_key(name))
    except ObjectNotFound:
        return None
    try:
        return StoredAttempt(name, Attempt.from_json(read_json(found.body)), found.etag)
    except (ValueError, TypeError, KeyError):
        raise DataError(
            f"The attempt {location.attempt_key(name)} is damaged.",
            remedy=Remedy("Start again with: ", ("login",)),
        ) from None


def write_attempt(location: LoginLocation, name: str, attempt: Attempt, etag: str | None) -> StoredAttempt:
    """Write over the attempt with this ETag, or where there is none. Raises PreconditionFailed."""
    key, body = location.attempt_key(name), json.dumps(attempt.to_json()).encode()
    if etag is None:
        new = location.folder.put(key, body, if_none_match=True)
    else:
        new = location.folder.put(key, body, if_match=etag)
    return StoredAttempt(name, attempt, new)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
