"""The attempts at a run's agent: each has a folder of its own, so none writes over what another left.

``agent/attempts/N/`` holds started.json, which takes the number, agent.json, written whenever the agent is
started, changes.bundle, transcript.jsonl, session.tar.zst when it failed, result.json (how the agent itself
ended, before any verify command) and verify.json. ``agent/result.json`` is the step's own: the last word on
the run's work. Attempt 0 is what a version without numbers left behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stepherd.errors import TemporaryError
from stepherd.runs.folder import BUNDLE, SESSION, RunFolder
from stepherd.runs.result import Result
from stepherd.services.store.contract import ObjectInfo, PreconditionFailed, WriteConflict
from stepherd.text.moments import now

__all__ = ["AttemptKeys", "PastAttempt", "latest_work", "past_attempts", "read_agent", "take_number"]

_FOLDER: Final = "agent/attempts"
_KEY: Final = re.compile(rf"{_FOLDER}/(\d{{1,6}})/([a-z0-9.]+)")
_STEP: Final = "agent"
_TRIES: Final = 30


@dataclass(frozen=True, slots=True)
class AttemptKeys:
    """The keys of one attempt's objects in the run folder."""

    number: int

    @property
    def started(self) -> str:
        """Written first: the number is taken."""
        return f"{_FOLDER}/{self.number}/started.json"

    @property
    def agent(self) -> str:
        """Written just before the agent is started: from then on there may be work."""
        return f"{_FOLDER}/{self.number}/agent.json"

    @property
    def bundle(self) -> str:
        """The changes, as a git bundle on the base commit."""
        return f"{_FOLDER}/{self.number}/changes.bundle"

    @property
    def transcript(self) -> str:
        """The transcript of what was printed."""
        return f"{_FOLDER}/{self.number}/transcript.jsonl"

    @property
    def session(self) -> str:
        """The archive of the agent's session, by which it remembers this attempt."""
        return f"{_FOLDER}/{self.number}/session.tar.zst"

    @property
    def result(self) -> str:
        """How the agent ended, whatever a verify command says of its work."""
        return f"{_FOLDER}/{self.number}/result.json"

    @property
    def verify(self) -> str:
        """How the verify command ended."""
        return f"{_FOLDER}/{self.number}/verify.json"


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """The remains of an attempt. A key is None where its object does not exist."""

    number: int
    started: str
    """ISO 8601, UTC; empty when that is not known."""
    result: Result | None
    """None when it died, or only verified what an earlier one had done."""
    verified: Result | None
    bundle: str | None
    session: str | None
    bundled: str = ""
    """When the bundle was written; ISO 8601."""
    agent_started: str = ""
    """When the agent was started last; ISO 8601. Empty when it was not, by an earlier version, and where the
    result was written after that."""

    @property
    def is_lost(self) -> bool:
        """Whether its agent was started, and what it did since was never recorded."""
        if not self.agent_started or (self.result is None and self.bundle is not None):
            return False
        recorded = "" if self.result is None else max(self.result.finished, self.bundled)
        return recorded < self.agent_started

    @property
    def is_recorded(self) -> bool:
        """Whether its work is known, be it that there was none: it was looked at when the agent had ended."""
        return self.bundle is not None or (self.result is not None and "files" in self.result.facts)

    @property
    def is_good(self) -> bool:
        """Whether the agent did its work here; a verify command may have found fault with it."""
        if self.result is None or not self.is_recorded:
            return False
        # Without numbers, agent and verify command had one result.
        return self.result.succeeded or (self.number == 0 and "verify" in self.result.facts)


def past_attempts(folder: RunFolder) -> tuple[PastAttempt, ...]:
    """Every attempt that has begun, in order. Raises DataError for a result that makes no sense."""
    found = _objects_by_number(folder)
    earlier = _unnumbered(folder) if 0 not in found else None
    return (
        *((earlier,) if earlier is not None else ()),
        *(_past(folder, number, found[number]) for number in sorted(found)),
    )


def _objects_by_number(folder: RunFolder) -> dict[int, dict[str, ObjectInfo]]:
    found: dict[int, dict[str, ObjectInfo]] = {}
    for info in folder.store.list(f"{_FOLDER}/"):
        if match := _KEY.fullmatch(info.key):
            found.setdefault(int(match[1]), {})[info.key] = info
    return found


def take_number(folder: RunFolder, attempt: str) -> AttemptKeys:
    """Begin an attempt: the first number that is free, and no one else's. ``attempt`` is the machine's name
    for it. Raises TemporaryError when others keep being first."""
    past = past_attempts(folder)
    if past and past[0].number == 0 and past[0].result is not None:
        # The step's next result is written over the one that says whose bundle that is.
        folder.write_result_at(AttemptKeys(0).result, past[0].result)
    number = max((found.number for found in past), default=0) + 1
    for _ in range(_TRIES):
        keys = AttemptKeys(number)
        try:
            folder.write_first(keys.started, {"attempt": attempt, "started": now()})
        except PreconditionFailed:
            number += 1
        except WriteConflict:
            continue
        else:
            return keys
    raise TemporaryError(
        f"Other processes kept starting an attempt in {folder.reference}.", remedy="Try again."
    )


def latest_work(past: Sequence[PastAttempt]) -> PastAttempt | None:
    """The attempt that the next one continues: each has continued the one before it. None: there is no work.

    One that died before its work was recorded has left none.
    """
    return next((found for found in reversed(past) if found.is_recorded), None)


def read_agent(folder: RunFolder, past: Sequence[PastAttempt] | None = None) -> Result | None:
    """The last word on the agent's work: the step's result or, when the step has died since, what it left.

    Then it is ``interrupted`` without an error: the machine knows why. None: nothing was ever left.
    ``past`` are the attempts, where they are known already.
    """
    said = folder.read_result(_STEP)
    if past is None:
        if said is not None and said.facts.get("attempt") == max(_objects_by_number(folder), default=0):
            return said  # Of the last attempt, by itself: none of them has to be read.
        past = past_attempts(folder)
    work = latest_work(past)
    if work is not None and (said is None or said.facts.get("attempt", 0) < work.number):
        left = work.result or _unsaid(work)
    elif said is None or not past or past[-1].started <= said.finished:
        return said
    else:
        left = said
    return replace(left, status="interrupted", error=None)


def _unsaid(work: PastAttempt) -> Result:
    """Of an attempt that died between its bundle and its result."""
    facts = {"bundle": work.bundle, "attempt": work.number}
    return Result(
        _STEP, "", work.number, "interrupted", work.started, work.bundled or work.started, None, facts
    )


def _past(folder: RunFolder, number: int, there: Mapping[str, ObjectInfo]) -> PastAttempt:
    keys = AttemptKeys(number)
    if number == 0:
        return _of_earlier_version(folder, folder.read_result_at(keys.result, _STEP))
    result = folder.read_result_at(keys.result, _STEP) if keys.result in there else None
    # An agent that was asked again may have taken all of its work back: the bundle is there, and no one's.
    taken_back = result is not None and "files" in result.facts and not result.facts.get("bundle")
    # An object that is listed as older than the result need not be read to know that.
    ended = there[keys.result].modified if result is not None else None
    unrecorded = ended is None or (keys.agent in there and there[keys.agent].modified >= ended)
    return PastAttempt(
        number,
        _time_in(folder, keys.started, there) if result is None else result.started,
        result,
        folder.read_result_at(keys.verify, "verify") if keys.verify in there else None,
        keys.bundle if keys.bundle in there and not taken_back else None,
        keys.session if keys.session in there else None,
        there[keys.bundle].modified.isoformat() if keys.bundle in there else "",
        _time_in(folder, keys.agent, there) if unrecorded else "",
    )


def _time_in(folder: RunFolder, key: str, there: Mapping[str, ObjectInfo]) -> str:
    started = folder.read_object(key).get("started") if key in there else None
    return started if isinstance(started, str) else ""


def _unnumbered(folder: RunFolder) -> PastAttempt | None:
    result = folder.read_result(_STEP)
    if result is not None and "attempt" in result.facts:
        return None  # Its work lies under a number.
    found = _of_earlier_version(folder, result)
    return found if found.is_recorded else None


def _of_earlier_version(folder: RunFolder, result: Result | None) -> PastAttempt:
    bundle, session = (key if folder.store.exists(key) else None for key in (BUNDLE, SESSION))
    return PastAttempt(0, "" if result is None else result.started, result, None, bundle, session)
