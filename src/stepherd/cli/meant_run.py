"""The run that a person means by a part of its id, or by ``latest``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepherd.errors import StepherdError, UsageError
from stepherd.history.runs import list_runs
from stepherd.remedies import Remedy
from stepherd.text.enumeration import first_of

if TYPE_CHECKING:
    from stepherd.cli.invocation import Invocation

__all__ = ["LATEST", "meant_run", "run_ids"]

LATEST: Final = "latest"
_SHORTEST: Final = 4
_MOST: Final = 1000
_SHOWN: Final = 3


def run_ids(call: Invocation, most: int) -> list[str]:
    """The ids of at most so many runs, newest first."""
    with call.backend.reading() as ask:
        runs = list_runs(ask, call.backend.machine_arn(), None, most)
    return [str(run["run_id"]) for run in runs]


def meant_run(call: Invocation, text: str) -> str | None:
    """The id, where exactly one of the newest 1,000 runs begins with ``text``, or its part behind the last
    ``_`` does; None if no run does. Call it only when no run has the id ``text``.

    Raises UsageError where it may be several.
    """
    if text != LATEST and len(text) < _SHORTEST:
        return None
    try:
        names = run_ids(call, 1 if text == LATEST else _MOST)
    except StepherdError:
        return None  # Such as for want of the right to list: that there is no such run is known already.
    if text == LATEST:
        return names[0] if names else None
    found = [name for name in names if name.startswith(text) or name.rpartition("_")[2].startswith(text)]
    if len(found) > 1:
        raise UsageError(
            f"'{text}' may be {first_of(found, _SHOWN)}.",
            remedy=Remedy("Give more of the id; to see them all: ", ("list",)),
        )
    return found[0] if found else None
