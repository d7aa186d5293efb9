"""The lease of a login: one execution at a time uses it, because two that rotate its tokens end it for both.

It is an object beside the database, written under conditions only. It is held while its execution runs, so
nothing has to give it back: whoever finds that the holder has finished may take it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from stepherd.errors import TemporaryError
from stepherd.logins.location import LoginLocation
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound, PreconditionFailed, StoredObject, WriteConflict

__all__ = ["Holder", "is_of_one_place", "lease_holder", "take_lease"]

_TRIES: Final = 16
_MOST_CHARACTERS: Final = 2_048


@dataclass(frozen=True, slots=True)
class Holder:
    """The execution that uses the login."""

    execution_arn: str
    run_id: str
    """For people: "waiting for the login held by run …"."""


def take_lease(location: LoginLocation, holder: Holder, is_running: Callable[[str], bool]) -> Holder | None:
    """Take the lease of the login at ``place`` for ``holder``.

    None: it is ours, now or since before. Else who has it and is running, as ``is_running`` says of the
    execution's ARN; what that raises is raised. Raises TemporaryError when others take it all the time.
    """
    body = json.dumps(asdict(holder)).encode()
    for _ in range(_TRIES):
        found = _stored(location)
        holds = None if found is None else _parse(found.body)
        if holds is not None and holds.execution_arn == holder.execution_arn:
            return None
        if holds is not None and is_running(holds.execution_arn):
            return holds
        etag = None if found is None else found.etag
        try:
            location.folder.put(location.lease_key, body, if_match=etag, if_none_match=etag is None)
        except (PreconditionFailed, WriteConflict):
            continue
        return None
    raise TemporaryError(f"The lease of {location.reference} keeps changing hands.", remedy="Try again.")


def is_of_one_place(arn: str, other: str) -> bool:
    """Whether both ARNs, of executions or state machines, are of one stack or one home.

    Whether an execution of another place runs cannot be asked: a stack has no right to, and a home none at
    all. Places that share a login do not take turns, but neither must one keep the other out for ever.
    """
    place = _place(arn)
    return place is not None and place == _place(other)


def _place(arn: str) -> tuple[str, str, str, str] | None:
    """Partition, region, account, and what the names of all state machines of a stack begin with."""
    parts = arn.split(":")
    return (parts[1], parts[3], parts[4], parts[6].rpartition("-")[0]) if len(parts) > 6 else None


def lease_holder(location: LoginLocation) -> Holder | None:
    """The execution that took the lease last, running or not; None if there is none."""
    found = _stored(location)
    return None if found is None else _parse(found.body)


def _stored(location: LoginLocation) -> StoredObject | None:
    try:
        return location.folder.get(location.lease_key)
    except ObjectNotFound:
        return None


def _parse(body: bytes) -> Holder | None:
    """The holder in a lease; None for one that no one can have written, which anybody may take."""
    try:
        document = read_json(body)
        holder = Holder(document["execution_arn"], document["run_id"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    values = (holder.execution_arn, holder.run_id)
    plain = all(isinstance(v, str) and v.isprintable() and 0 < len(v) <= _MOST_CHARACTERS for v in values)
    return holder if plain else None
