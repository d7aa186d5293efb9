"""A home that has grown: 10,000 runs listed and shown, 100,000 executions listed, described and pruned."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, median_seconds
from benchmarks.pipeline import _environment, _repository, _run, _stepherd
from stepherd.backends.client import execution_arn, machine_arn
from stepherd.backends.home.pruning import Criteria, prune
from stepherd.engine.api.operations import Api
from stepherd.engine.core import Engine
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Attempt, Event, Execution, Machine

__all__ = ["growth_figures"]

_FEW, _MANY = 100, 10_000
_EXECUTIONS = 100_000
_TIMES = 7


def growth_figures() -> Iterator[Figure]:
    """Commands on a home of many runs beside one of few; the room that a run takes; a very long journal."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sample = _Sample(place)
        few, many = place / "few", place / "many"
        sample.lay_down(few, _FEW)
        sample.lay_down(many, _MANY)
        for words in (("list",), ("status", _name(_FEW // 2))):
            yield from _command(words, few, many)
        yield _room(sample, few, many)
        yield from _very_long(place / "long")


def _name(number: int) -> str:
    return f"run_{number:08d}"


class _Sample:
    """A real run, whose history many others get."""

    def __init__(self, place: Path) -> None:
        home = place / "sample"
        _run(place, _repository(place), home)
        journal = Journal(home / "journal.sqlite3")
        self._machines: list[Machine] = journal.machines()
        listed = journal.executions(machine_arn(), None, None, 1)[0]
        execution = journal.execution(listed.arn)
        assert execution
        self._execution: Execution = execution
        self._events: list[Event] = journal.events(listed.number)
        self._attempts: list[Attempt] = journal.attempts_of(listed.arn)
        journal.close()

    @property
    def in_first_form(self) -> int:
        """Bytes that the first version kept of a run: texts alone, without what SQLite adds."""
        e = self._execution
        texts = (e.definition, e.input, e.output or "", *(event.details or "" for event in self._events))
        return sum(len(text.encode()) for text in texts)

    def lay_down(self, home: Path, count: int) -> None:
        """A home with so many runs of the same history."""
        home.mkdir(mode=0o700)
        journal = Journal(home / "journal.sqlite3")
        for machine in self._machines:
            journal.add_machine(machine)
        for number in range(count):
            name, old = _name(number), self._execution.name
            execution = replace(self._execution, name=name, arn=execution_arn(name))
            journal.add_execution(execution)
            for e in self._events:
                details = e.details and e.details.replace(old, name)
                row = (execution.number, e.id, e.previous, e.timestamp, e.type, details, e.frame)
                journal.append(row)
            for attempt in self._attempts:
                journal.save_attempt(replace(attempt, execution=execution.number, token=uuid.uuid4().hex * 2))
        journal.close()


def _command(words: tuple[str, ...], few: Path, many: Path) -> Iterator[Figure]:
    def seconds(home: Path, *, cold: bool) -> float:
        def call() -> None:
            if cold:
                _forget(home)
            subprocess.run(
                _stepherd(*words, "--home", str(home)),
                env=_environment(home), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

        return median_seconds(call, _TIMES)

    for cold, most in ((True, 0.3), (False, 0.15)):
        value, baseline = seconds(many, cold=cold), seconds(few, cold=cold)
        how = "cold" if cold else "warm"
        yield Figure.of(
            f"stepherd {words[0]} at 10,000 runs, {how} (baseline: at 100)",
            value, "s", f"≤ {most}, flat", value <= most and value <= 1.5 * baseline, baseline,
        )  # fmt: skip


def _forget(home: Path) -> None:
    """Have the system drop what it has in memory of the journal."""
    for path in home.glob("journal*"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _room(sample: _Sample, few: Path, many: Path) -> Figure:
    grown = _size(many) - _size(few)
    value = grown / (_MANY - _FEW) / 1024
    return Figure.of(
        "journal a run (baseline: texts as the first version kept them)",
        value, "KB", "≤ 15", value <= 15, sample.in_first_form / 1024,
    )  # fmt: skip


def _size(home: Path) -> int:
    return (home / "journal.sqlite3").stat().st_size


def _very_long(home: Path) -> Iterator[Figure]:
    home.mkdir(mode=0o700)
    engine = Engine(home)
    machine = engine.put_machine(
        "mine", '{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}', "r"
    )
    api, page, described = Api(engine), {}, {}
    for count in (_EXECUTIONS // 100, _EXECUTIONS):
        _executions(engine.journal, machine, count)
        request = {"stateMachineArn": machine.arn, "maxResults": 1000}
        page[count] = median_seconds(lambda request=request: api.call("ListExecutions", request), 21) * 1e3
        one = {"executionArn": engine.execution_arn(machine.arn, "e7")}
        described[count] = median_seconds(lambda one=one: api.call("DescribeExecution", one), 101) * 1e3
    few = _EXECUTIONS // 100
    for what, taken in (("a page of 1,000", page), ("one described", described)):
        value, baseline = taken[_EXECUTIONS], taken[few]
        yield Figure.of(
            f"100,000 executions: {what} (baseline: of 1,000)",
            value, "ms", "≤ 2 times", value <= 2 * baseline, baseline,
        )  # fmt: skip
    engine.journal.close()
    before = _size(home)
    began = time.perf_counter()
    gone = prune(home, Criteria(keep=1000), dry_run=False).others
    took = time.perf_counter() - began
    assert gone == _EXECUTIONS - 1000
    yield Figure.of("100,000 executions: 99,000 pruned", took, "s", "≤ 60", took <= 60)
    left = _size(home) / before
    yield Figure.of("the journal afterwards", left * 100, "% of its size", "≤ 3", left <= 0.03)
    yield _longest_pause(home, machine)


def _executions(journal: Journal, machine: Machine, count: int) -> None:
    first = len(journal.executions(machine.arn, None, None, -1))
    for number in range(first, count):
        name = f"e{number}"
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
        execution = Execution(arn, machine.arn, name, "r", machine.definition, "{}", 1.0, "SUCCEEDED", 2.0)
        journal.add_execution(execution)
        for event in range(1, 6):
            journal.append((execution.number, event, event - 1, 1.0, "PassStateEntered", '{"name":"A"}', ""))
    journal.flush()


def _longest_pause(home: Path, machine: Machine) -> Figure:
    """How long a clean-up holds up everything else that an engine does."""
    engine = Engine(home)
    _executions(engine.journal, machine, 5_000)
    api = Api(engine)
    numbers = [one.number for one in engine.journal.executions(machine.arn, None, None, -1)]
    engine.journal.remove(numbers)
    longest, more = 0.0, True
    while more:
        began = time.perf_counter()
        more = bool(api.call("StepherdCleanUp", {})["more"])
        longest = max(longest, time.perf_counter() - began)
    engine.journal.close()
    return Figure.of("longest pause of a clean-up", longest * 1e3, "ms", "≤ 100", longest <= 0.1)
