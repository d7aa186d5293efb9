"""Which function polls for an attempt: one at a time, though notices may arrive twice (fault 45).

A claim lasts a little longer than the pause between two polls and is renewed with each. One whose owner died
lapses; where the owner was a process of this machine, that it died can be seen at once. A machine waits with
one task token at a time, so who comes with another token that is alive takes over.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from stepherd.logins.attempts import Attempt, StoredAttempt, read_attempt
from stepherd.logins.location import LoginLocation
from stepherd.processes.table import began, boot_id
from stepherd.services.store.contract import PreconditionFailed, WriteConflict

__all__ = ["Claim", "ClaimLost", "NotClaimed"]

_GRACE_SECONDS: Final = 60.0
"""Beyond the pause: a poll may take half of it, the store the rest."""


class ClaimLost(Exception):
    """Somebody else polls, or the attempt has another code by now."""


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Why there is nothing to poll for."""

    reason: str
    ended: Attempt | None = None
    """The attempt, when it has come to its end before."""


@dataclass(slots=True)
class Claim:
    """The right to poll for one code of one attempt."""

    location: LoginLocation
    stored: StoredAttempt
    owner: str

    @classmethod
    def take(
        cls, location: LoginLocation, name: str, code: int, token: str, now: datetime
    ) -> Claim | NotClaimed:
        """Claim an attempt's code unless somebody has it, it was superseded, or all is over.

        ``token`` is the task token, which is alive.
        """
        waits_for = hashlib.sha256(token.encode()).hexdigest()[:16]
        owner = f"{waits_for}/{_this_process()}"
        while True:
            found = read_attempt(location, name)
            if found is None:
                return NotClaimed("there is no such attempt")
            attempt = found.attempt
            if attempt.code != code:
                return NotClaimed("its code was superseded")
            if attempt.status != "open":
                return NotClaimed(f"it was {attempt.status} before", attempt)
            same = attempt.claim.startswith(f"{waits_for}/") and attempt.claimed_until > now.timestamp()
            if same and not _is_gone(attempt.claim.partition("/")[2]):
                return NotClaimed("another poller has it")
            claim = cls(location, found, owner)
            with suppress(PreconditionFailed, WriteConflict):
                claim._write(claim=owner, claimed_until=_until(attempt, now))
                return claim

    @property
    def attempt(self) -> Attempt:
        """As it was last written."""
        return self.stored.attempt

    def renew(self, now: datetime, *, interval: int | None = None) -> None:
        """Keep the claim, and the pause between polls. Raises ClaimLost."""
        pause = self.attempt.interval if interval is None else interval
        self._write_or_lose(interval=pause, claimed_until=_until(self.attempt, now))

    def end(self, status: str, *, keeps_client: bool) -> None:
        """Write how it ended; no one claims it again. Raises ClaimLost.

        It clears the device code, and the client's secret unless the next code is to be asked for with it.
        """
        attempt = self.attempt
        changes: dict[str, object] = {"device": replace(attempt.device, device_code="")}
        if not keeps_client:
            changes["registration"] = replace(attempt.registration, client_secret="")
        self._write_or_lose(status=status, claim="", claimed_until=0.0, **changes)

    def release(self) -> None:
        """Let another take it. Raises ClaimLost."""
        self._write_or_lose(claim="", claimed_until=0.0)

    def _write_or_lose(self, **changes: object) -> None:
        while True:
            try:
                self._write(**changes)
            except WriteConflict:
                continue
            except PreconditionFailed:
                # A write whose answer was lost has taken effect: the object is as it was meant to be.
                found = read_attempt(self.location, self.stored.id)
                if found is None or not self._is_ours(found.attempt, changes):
                    raise ClaimLost from None
                self.stored = found
            return

    def _is_ours(self, attempt: Attempt, changes: dict[str, object]) -> bool:
        if attempt.code != self.attempt.code:
            return False
        return all(
            getattr(attempt, name) == value for name, value in {"claim": self.owner, **changes}.items()
        )

    def _write(self, **changes: object) -> None:
        self.stored = self.stored.changed(self.location, **changes)


def _until(attempt: Attempt, now: datetime) -> float:
    return now.timestamp() + attempt.interval + _GRACE_SECONDS


def _this_process() -> str:
    """A name for this claim that says whose it is: machine, process, when that began."""
    machine, start = boot_id(), began(os.getpid())
    return f"{machine}/{os.getpid()}/{start}/{uuid.uuid4().hex}" if machine and start else uuid.uuid4().hex


def _is_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine that has ended; False where it cannot be known."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[0] != boot_id() or not parts[1].isdigit():
        return False
    return began(int(parts[1])) != parts[2]
