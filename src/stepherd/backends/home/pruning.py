"""Removing old runs from a home, whether an engine is live there or not.

The runs to remove are written down first (``pruning.json``). Then the engine, or its journal where there is
none, removes the executions in one transaction, unless one of them is under way again. Only then do the
folders go. So a kill at any moment leaves whole runs, or a note by which the next call removes the rest.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from stepherd.backends.client import KEEP, Call, Refused, execution_arn, machine_arn
from stepherd.backends.home.engines import reading
from stepherd.backends.home.unfinished import unfinished_runs
from stepherd.errors import NotFoundError, TemporaryError, UsageError
from stepherd.remedies import Remedy
from stepherd.runs.folder import run_folder
from stepherd.runs.ids import check_run_id
from stepherd.runs.kept import kept_name
from stepherd.runs.sole_work import sole_work
from stepherd.services.json_text import read_json
from stepherd.services.removal import remove_tree
from stepherd.services.store.opening import open_store
from stepherd.text.run_ids import is_run_id

__all__ = ["Criteria", "Pruned", "prune"]

_BATCH: Final = 500
_MOST: Final = 1000
"""Of one removal: what an engine does at once."""
_NOTE: Final = "pruning.json"
_TASK: Final = re.compile(r"[0-9a-f]{32}")
_HOLD_SECONDS: Final = 1.0
"""How long a home without an engine is held at a time: a run that begins meanwhile waits for that."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which runs are to go. Those that run never do."""

    runs: tuple[str, ...] = ()
    """By their ids; the rest then stays, and of these the work goes, too."""
    stopped_before: float | None = None
    """Those that ended before this moment, in seconds since the epoch."""
    keep: int = 0
    """So many of the newest stay."""
    with_work: bool = False
    """Also those with work that is nowhere else."""


@dataclass(slots=True)
class Pruned:
    """The result of a removal, or of a rehearsal of one."""

    runs: list[str] = field(default_factory=list)
    others: int = 0
    """Executions of other state machines, and logins that were no part of a run."""
    with_work: dict[str, str] = field(default_factory=dict)
    """Runs that went although they had work that is nowhere else, and which work that was."""
    kept: dict[str, str] = field(default_factory=dict)
    """Runs that stay because of such work."""
    busy: list[str] = field(default_factory=list)
    """Those that have ended, and part of which is still under way: a login, the keeping of work."""
    bytes: int = 0
    """The size of their folders."""


@dataclass(frozen=True, slots=True)
class _Family:
    """An execution with all that goes with it."""

    name: str
    members: list[str]
    tasks: list[str]
    is_run: bool
    running: bool = False


def prune(home: Path, criteria: Criteria, *, dry_run: bool) -> Pruned:
    """Remove runs, or with ``dry_run`` only say which.

    Raises NotFoundError and UsageError for a run that was named and is not there, or has not ended.
    """
    done = Pruned()
    with _alone(home), _of_this_version(home):
        _finish_earlier(home)
        with reading(home) as call:
            busy = _unfinished(home, call)
        for batch in _batches(home, criteria):
            with reading(home) as call:
                going = _judged(home, criteria, _idle(_families(call, batch), busy, done), done)
                _remove(home, call, going, done, dry_run)
        if not dry_run:
            _clean_up(home)
    return done


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One at a time: another one's note is not ours. Raises NotFoundError for a home without runs."""
    with reading(home), (home / "pruning.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TemporaryError(f"Another 'stepherd prune' works on {home}.", remedy="Try again.") from None
        yield


@contextlib.contextmanager
def _of_this_version(home: Path) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        if error.code != "UnknownOperationException":
            raise
        raise TemporaryError(
            f"The engine of an earlier version of Stepherd is running on {home}.",
            remedy="Wait until its runs have ended, then try again.",
        ) from error


# -- which ------------------------------------------------------------------------------------------


def _batches(home: Path, criteria: Criteria) -> Iterator[list[dict[str, Any]]]:
    """Executions to look at, some at a time. Nothing is held while they are."""
    if criteria.runs:
        with reading(home) as call:
            named = [_named(call, run_id) for run_id in dict.fromkeys(criteria.runs)]
        yield named
        return
    with reading(home) as call:
        machines = [one["stateMachineArn"] for one in _machines(call)]
    for machine in machines:
        if machine == machine_arn(KEEP):
            continue  # They go with their runs.
        before: int | None = None
        while True:
            request = {"stateMachineArn": machine, "keepNewest": criteria.keep, "before": before}
            with reading(home) as call:
                page = call("StepherdListEnded", {**request, "stoppedBefore": criteria.stopped_before})
            found = page["executions"]
            for at in range(0, len(found), _BATCH):
                yield found[at : at + _BATCH]
            before = page["before"]
            if before is None:
                break


def _unfinished(home: Path, call: Call) -> frozenset[str]:
    try:
        return frozenset(unfinished_runs(home, call))
    except NotFoundError:
        return frozenset()  # Only other state machines have ever run here.


def _machines(call: Call) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"maxResults": 1000}
    while True:
        answer = call("ListStateMachines", request)
        yield from answer["stateMachines"]
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]


def _named(call: Call, run_id: str) -> dict[str, Any]:
    described = call("DescribeExecution", {"executionArn": execution_arn(check_run_id(run_id))})
    if described["status"] == "RUNNING":
        raise UsageError(f"{run_id} has not ended.", remedy=Remedy("Stop it first: ", ("stop", run_id)))
    return described


def _families(call: Call, batch: Sequence[dict[str, Any]]) -> list[_Family]:
    """All that goes with each of these."""
    wanted: list[str] = []
    roots: dict[str, tuple[str, bool]] = {}
    for one in batch:
        arn, name = str(one["executionArn"]), str(one["name"])
        is_run = arn == execution_arn(name) and is_run_id(name)
        arns = [arn]
        if is_run:
            redrives = range(int(one.get("redriveCount") or 0) + 1)
            arns += [execution_arn(kept_name(name, number), KEEP) for number in redrives]
        roots |= dict.fromkeys(arns, (name, is_run))
        wanted += arns
    planned: list[dict[str, Any]] = []
    for at in range(0, len(wanted), 1000):
        planned += call("StepherdPlanRemoval", {"executionArns": wanted[at : at + 1000]})["families"]
    together: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for family in planned:
        together.setdefault(roots[family["executionArn"]], []).append(family)
    return [
        _Family(
            name,
            [member for family in families for member in family["members"]],
            [task for family in families for task in family["tasks"]],
            is_run,
            any(family["running"] for family in families),
        )
        for (name, is_run), families in together.items()
    ]


def _idle(families: Iterable[_Family], busy: Collection[str], done: Pruned) -> Iterator[_Family]:
    """Those of which nothing is under way."""
    for family in families:
        if family.running or (family.is_run and family.name in busy):
            done.busy.append(family.name)
        else:
            yield family


def _judged(home: Path, criteria: Criteria, families: Iterable[_Family], done: Pruned) -> list[_Family]:
    """Those that may go: no work goes that is nowhere else, unless that was asked for."""
    store = open_store((home / "store").as_uri())
    going = []
    for family in families:
        work = sole_work(run_folder(store, family.name)) if family.is_run else ""
        if work and not criteria.with_work and not criteria.runs:
            done.kept[family.name] = work
            continue
        if work:
            done.with_work[family.name] = work
        going.append(family)
    return going


# -- removing ---------------------------------------------------------------------------------------


def _remove(home: Path, call: Call, families: list[_Family], done: Pruned, dry_run: bool) -> None:
    sizes = {family.name: sum(map(_size, _folders(home, family))) for family in families}
    gone = families if dry_run else _removed(home, call, families)
    for family in families:
        if family not in gone:
            done.with_work.pop(family.name, None)
        elif family.is_run:
            done.runs.append(family.name)
        else:
            done.others += 1
    done.bytes += sum(sizes[family.name] for family in gone)


def _removed(home: Path, call: Call, families: list[_Family]) -> list[_Family]:
    """Remove these together; one by one where something of one is under way by now."""
    members = [member for family in families for member in family.members]
    if len(members) > _MOST and len(families) > 1:
        middle = len(families) // 2
        return [*_removed(home, call, families[:middle]), *_removed(home, call, families[middle:])]
    if not families:
        return []
    _write_note(home, families)
    removed = bool(call("StepherdRemoveExecutions", {"executionArns": members})["removed"])
    if removed:
        for family in families:
            _remove_folders(home, family)
    (home / _NOTE).unlink(missing_ok=True)
    if removed or len(families) == 1:
        return families if removed else []
    return [family for one in families for family in _removed(home, call, [one])]


def _folders(home: Path, family: _Family) -> list[Path]:
    """The folders of an execution; never one that a name with dots would lead to."""
    folders = [home / "tasks" / task for task in family.tasks if _TASK.fullmatch(task)]
    if family.is_run and is_run_id(family.name):
        folders.append(home / "store" / "runs" / family.name)
    return folders


def _remove_folders(home: Path, family: _Family) -> None:
    for folder in _folders(home, family):
        remove_tree(folder)
    if family.is_run and is_run_id(family.name):
        (home / "runners" / f"{family.name}.json").unlink(missing_ok=True)


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - thousands of files
    return total


def _write_note(home: Path, families: list[_Family]) -> None:
    new = home / f"{_NOTE}.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([asdict(family) for family in families], file)
    new.replace(home / _NOTE)


def _finish_earlier(home: Path) -> None:
    """Remove the folders of executions that an earlier call removed before it was killed."""
    try:
        families = [_Family(**one) for one in read_json((home / _NOTE).read_text("utf-8"))]
    except FileNotFoundError:
        return
    except (ValueError, TypeError):
        families = []  # It is not ours.
    with reading(home) as call:
        for family in families:
            if not any(_is_there(call, arn) for arn in family.members):
                _remove_folders(home, family)
    (home / _NOTE).unlink(missing_ok=True)


def _is_there(call: Call, arn: str) -> bool:
    try:
        call("DescribeExecution", {"executionArn": arn, "includedData": "METADATA_ONLY"})
    except NotFoundError:
        return False
    return True


def _clean_up(home: Path) -> None:
    """Give the room in the journal back to the disk, in steps between which the engine does its work."""
    more = True
    while more:
        until = time.monotonic() + _HOLD_SECONDS
        with reading(home) as call:
            while more and time.monotonic() < until:
                more = bool(call("StepherdCleanUp", {})["more"])
