"""Idempotency-Key: the same call again, however often, is the same run.

The key is claimed by an object that only one writer can make, ``idempotency/<owner>/<digest of the key>``. It
holds the run id and a digest of the body. A claim is good for a day.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.problems import InvalidCall, KeyReused
from stepherd.errors import TemporaryError
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound, PreconditionFailed

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = ["LIFE", "Claim", "Claims", "idempotency_key"]

LIFE: Final = timedelta(days=1)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_TRIES: Final = 4


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The header's value; None without one. Raises InvalidCall for what cannot be one."""
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidCall(
            "The header Idempotency-Key must be 1 to 255 visible ASCII characters.",
            remedy="Send a UUID, a new one for each run.",
            field="Idempotency-Key",
        )
    return key


@dataclass(frozen=True, slots=True)
class Claim:
    """The record of an idempotency key: the run that it started, and for which body."""

    run_id: str
    body: str
    """A digest of the body."""
    created: str

    def good(self, now: datetime) -> bool:
        """Whether the claim's day is not over."""
        return now - datetime.fromisoformat(self.created) < LIFE


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one owner for one key and body."""

    store: Store
    key: str
    """The key of the claim's object."""
    body: str

    @classmethod
    def of(cls, store: Store, owner: str, key: str, body: Mapping[str, Any]) -> Claims:
        """For the key of a header and the body that came with it."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        text = json.dumps(body, sort_keys=True)
        return cls(store, f"idempotency/{owner}/{digest}", hashlib.sha256(text.encode()).hexdigest())

    def find(self) -> str | None:
        """The run that the key stands for. Raises KeyReused when that was started with another body."""
        claim, _ = self._read()
        return None if claim is None or not claim.good(datetime.now(UTC)) else self._run_of(claim)

    def take(self, run_id: str) -> str:
        """Claim the key for a run; the id of the run that has it, maybe another's. Raises KeyReused."""
        now = datetime.now(UTC)
        mine = json.dumps(asdict(Claim(run_id, self.body, now.isoformat()))).encode()
        for _ in range(_TRIES):
            claim, etag = self._read()
            if claim is not None and claim.good(now):
                return self._run_of(claim)
            try:
                self.store.put(self.key, mine, if_match=etag, if_none_match=etag is None)
            except PreconditionFailed:
                continue
            return run_id
        raise TemporaryError(
            "The Idempotency-Key is in use by other calls.", remedy="Send the same call again."
        )

    def _run_of(self, claim: Claim) -> str:
        if claim.body != self.body:
            raise KeyReused(
                "The Idempotency-Key was used for another body.",
                remedy="Send another key, or the same body as before.",
            )
        return claim.run_id

    def _read(self) -> tuple[Claim | None, str | None]:
        try:
            found = self.store.get(self.key)
        except ObjectNotFound:
            return None, None
        try:
            return Claim(**read_json(found.body)), found.etag
        except (ValueError, TypeError):
            return None, found.etag
