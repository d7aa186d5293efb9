"""Whose a run is: an object ``owners/<owner>/<run id>`` for each run that was started with an owner's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stepherd.api.runs import no_run
from stepherd.errors import UsageError
from stepherd.runs.ids import check_run_id

if TYPE_CHECKING:
    from stepherd.api_keys.callers import Caller
    from stepherd.services.store.contract import Store

__all__ = ["check_visible", "owned_runs", "record_owner"]


def record_owner(store: Store, caller: Caller, run_id: str) -> None:
    """Make a run the caller's, before it starts: from its first moment its owner can see it."""
    fields = {"key_id": caller.key_id}
    store.put(f"owners/{caller.owner}/{run_id}", json.dumps(fields).encode())


def check_visible(store: Store, caller: Caller, run_id: str) -> None:
    """Raise NotFoundError unless the run is the caller's to see: for an impossible id, too."""
    try:
        check_run_id(run_id)
    except UsageError:
        raise no_run(run_id) from None
    if not caller.sees_all and not store.exists(f"owners/{caller.owner}/{run_id}"):
        raise no_run(run_id)


def owned_runs(store: Store, owner: str, *, before: str, earliest: str) -> Iterator[str]:
    """The ids of an owner's runs below ``before`` and not below ``earliest``, newest first.

    An id begins with its time, so ids sort as times do. A store lists upwards only: it is asked a month at a
    time, from the last month down, which bounds what is held at once.
    """
    first = next(store.list(f"owners/{owner}/run_"), None)
    if first is None:
        return
    oldest = max(first.key.rpartition("/")[2], earliest)
    for month in _months_down(before, oldest):
        found = [info.key.rpartition("/")[2] for info in store.list(f"owners/{owner}/run_{month}")]
        yield from (run_id for run_id in reversed(found) if oldest <= run_id < before)


def _months_down(newest: str, oldest: str) -> Iterator[str]:
    """``YYYYMM`` from that of one id down to that of another; this month where an id has no date."""
    this = datetime.now(UTC).strftime("%Y%m")
    month = min(_month_of(newest) or this, this)
    last = _month_of(oldest) or "197001"
    while month >= last:
        yield month
        year, number = int(month[:4]), int(month[4:])
        month = f"{year - (number == 1):04}{(number - 2) % 12 + 1:02}"


def _month_of(run_id: str) -> str | None:
    digits = run_id.removeprefix("run_")[:6]
    return digits if len(digits) == 6 and digits.isascii() and digits.isdigit() else None
