"""The list of API keys in its secret: hashes alone, and several valid at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stepherd.api_keys.callers import SCOPES
from stepherd.api_keys.texts import hash_key, id_of, matches, new_key
from stepherd.errors import DataError, NotFoundError, TemporaryError, UsageError
from stepherd.remedies import Remedy
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import PreconditionFailed
from stepherd.text.moments import iso_text
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.services.secrets.documents import SecretDocument

__all__ = ["KeyEntry", "KeyRing"]

_OWNER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_TRIES: Final = 10
_MOST_BYTES: Final = 65_536  # of a secret in Secrets Manager


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The stored fields of a key. Times are ISO 8601, UTC."""

    id: str
    owner: str
    """Whose runs the key starts and sees."""
    scope: str
    hash: str
    created: str
    expires: str | None = None
    revoked: str | None = None

    def usable(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired. A time that cannot be read counts as passed."""
        return self.revoked is None and (self.expires is None or now < _moment(self.expires))

    def to_json(self, now: datetime) -> dict[str, Any]:
        """The key as a listing shows it: without the hash, and with no more of the key than its beginning."""
        state = "revoked" if self.revoked else "valid" if self.usable(now) else "expired"
        shown = {name: value for name, value in asdict(self).items() if name != "hash"}
        return {**shown, "key": f"sk_live_{self.id}…", "state": state}


class KeyRing:
    """The keys in a secret document. Every change is made on what is there, whoever else changes it."""

    def __init__(self, document: SecretDocument, clock: Callable[[], datetime] | None = None) -> None:
        self._document = document
        self._clock = clock or _now

    def entries(self) -> list[KeyEntry]:
        """All keys, revoked ones too, in the order they were made. Raises DataError for another shape."""
        return _parsed(self._document.read().text, self._document.reference)

    def find(self, key: str) -> KeyEntry | None:
        """The entry of a key that may be used now. Every text that could be a key costs one comparison."""
        key_id = id_of(key)
        if key_id is None:
            return None
        entry = next((each for each in self.entries() if each.id == key_id), None)
        same = matches(key, entry.hash if entry else None)
        return entry if entry and same and entry.usable(self._clock()) else None

    def create(self, owner: str, scope: str, expires: datetime | None = None) -> tuple[str, KeyEntry]:
        """Make a key; its text is returned and kept nowhere. Raises UsageError for owner, scope, expiry."""
        _check(owner, scope, expires, self._clock())
        taken = {entry.id for entry in self.entries()}
        key = next(key for key in iter(new_key, "") if id_of(key) not in taken)
        entry = KeyEntry(
            str(id_of(key)), owner, scope, hash_key(key), iso_text(self._clock(), "seconds"),
            iso_text(expires, "seconds") if expires else None,
        )  # fmt: skip
        self._change(lambda entries: [*(each for each in entries if each.hash != entry.hash), entry])
        return key, entry

    def revoke(self, key_id: str) -> KeyEntry:
        """Make a key useless; again for one that is revoked changes nothing. Raises NotFoundError."""
        wanted = key_id.removeprefix("sk_live_").removesuffix("…")
        now = iso_text(self._clock(), "seconds")

        def change(entries: list[KeyEntry]) -> list[KeyEntry]:
            return [
                replace(each, revoked=each.revoked or now) if each.id == wanted else each for each in entries
            ]

        for entry in self._change(change):
            if entry.id == wanted:
                return entry
        raise NotFoundError(
            f"There is no key '{one_paragraph(key_id, 30)}'.",
            remedy=Remedy("List the keys: ", ("keys", "list")),
        )

    def _change(self, change: Callable[[list[KeyEntry]], list[KeyEntry]]) -> list[KeyEntry]:
        for _ in range(_TRIES):
            before = self._document.read()
            entries = _parsed(before.text, self._document.reference)
            after = change(entries)
            if after == entries:
                return after
            try:
                self._document.write(_written(after), version=before.version)
            except PreconditionFailed:
                continue
            return after
        raise TemporaryError(
            "Other processes keep changing the list of keys.", remedy="Try again in a while."
        )


def _written(entries: list[KeyEntry]) -> str:
    text = json.dumps({"keys": [asdict(entry) for entry in entries]})
    if len(text) > _MOST_BYTES:
        raise UsageError(
            f"The list of {len(entries)} keys is full.", remedy="Use another secret for further keys."
        )
    return text


def _parsed(text: str, reference: str) -> list[KeyEntry]:
    try:
        return [KeyEntry(**fields) for fields in read_json(text or '{"keys": []}')["keys"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        # "from None": the decoder's error carries the text
        raise DataError(
            f"The secret {reference} does not hold a list of API keys.",
            remedy=Remedy("Name the secret that '", ("keys", "create"), "' wrote."),
        ) from None


def _check(owner: str, scope: str, expires: datetime | None, now: datetime) -> None:
    if not _OWNER.fullmatch(owner):
        raise UsageError(
            f"The owner '{one_paragraph(owner, 70)}' is not acceptable.",
            remedy="Use 1 to 64 letters, digits and '_.@-', starting with a letter or digit.",
        )
    if scope not in SCOPES:
        raise UsageError(
            f"The scope '{one_paragraph(scope, 30)}' is unknown.", remedy=f"Use one of {', '.join(SCOPES)}."
        )
    if expires is not None and expires <= now:
        raise UsageError("The key would have expired already.", remedy="Give a later --expires.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)
