"""The outcome of the newest event of each object: ``inbox-state/<digest>.json``, written under conditions.

S3 delivers events at least once and in any order. An event is claimed before its run is started and closed
afterwards, so one that was cut off in between is taken up again, and a late or second one is not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final, Literal

from stepherd.errors import TemporaryError
from stepherd.runs.inbox_events import Dropped, is_older
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound, PreconditionFailed, Store, WriteConflict

__all__ = ["Claim", "claim_event", "close_event"]

Claim = Literal["ours", "done", "older"]
_FOLDER: Final = "inbox-state"
_TRIES: Final = 16


@dataclass(frozen=True, slots=True)
class _State:
    bucket: str
    key: str
    sequencer: str
    run_id: str
    outcome: str = ""
    """Empty until the event is closed."""


def claim_event(store: Store, dropped: Dropped, run_id: str) -> Claim:
    """Whether the event is ours to act on; ``done`` when that is over, ``older`` when a newer one was seen.

    Raises TemporaryError when others keep being first.
    """
    wanted = _State(dropped.bucket, dropped.key, dropped.sequencer, run_id)
    for _ in range(_TRIES):
        known, etag = _read(store, dropped)
        if known is not None and is_older(dropped.sequencer, known.sequencer):
            return "older"
        if known is not None and not is_older(known.sequencer, dropped.sequencer):
            return "done" if known.outcome else "ours"
        try:
            store.put(_name(dropped), _body(wanted), if_match=etag, if_none_match=etag is None)
        except (PreconditionFailed, WriteConflict):
            continue
        return "ours"
    raise TemporaryError(f"Other processes keep claiming {dropped.key}.", remedy="Try again.")


def close_event(store: Store, dropped: Dropped, run_id: str, outcome: str) -> None:
    """Remember that the event was acted on, unless a newer one was claimed meanwhile."""
    known, etag = _read(store, dropped)
    if known is None or known.run_id != run_id:
        return
    closed = _State(dropped.bucket, dropped.key, dropped.sequencer, run_id, outcome)
    try:
        store.put(_name(dropped), _body(closed), if_match=etag)
    except (PreconditionFailed, WriteConflict):
        return  # a newer event, or another delivery of this one that closes it as well


def _read(store: Store, dropped: Dropped) -> tuple[_State | None, str | None]:
    try:
        found = store.get(_name(dropped))
    except ObjectNotFound:
        return None, None
    try:
        return _State(**read_json(found.body)), found.etag
    except (ValueError, TypeError):
        return None, found.etag  # damaged: the name of the execution still keeps a run from starting twice


def _name(dropped: Dropped) -> str:
    digest = hashlib.sha256(f"{dropped.bucket}/{dropped.key}".encode()).hexdigest()
    return f"{_FOLDER}/{digest}.json"


def _body(state: _State) -> bytes:
    return json.dumps(asdict(state), ensure_ascii=False).encode()
