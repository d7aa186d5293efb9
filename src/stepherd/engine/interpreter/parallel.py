"""Parallel and inline Map: several frames at once, and the end of the others when one fails.

An engine that takes over runs the same code as one that starts: it builds the group again, with a child for
each branch or item, and each child continues behind its own committed events. A child that had ended gives
its output again, one that had failed fails again. So whatever this module writes, it looks for in the prior
events first. The pointers between events (``head``) follow facts/histories.md 1.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from stepherd.engine.asl.definition import MapState, ParallelState
from stepherd.engine.asl.expressions import EvaluationError
from stepherd.engine.asl.templates import Literal, Template
from stepherd.engine.asl.turns import TURN
from stepherd.engine.asl.values import Document
from stepherd.engine.interpreter.failures import StateFailed
from stepherd.engine.interpreter.frame import Frame, Transition, Visit
from stepherd.engine.interpreter.retry import guarded
from stepherd.engine.journal.history import ITEMS, RETRIED
from stepherd.engine.journal.records import Event, with_next

__all__ = ["run_map", "run_parallel"]

Items: TypeAlias = "list[Any] | dict[str, Any]"
INLINE_LIMIT = 40
"""An inline Map runs at most so many iterations at once [docs]."""
_MOST_RESULTS = 32 * 1024 * 1024
"""Characters of JSON in the results of all branches or items together: a state has them all in memory."""
_ABORTABLE = frozenset({"Task", "Wait", "Map", "Parallel"})
"""The types that have an Aborted event; other states take no time, so none of them is ever under way."""


async def run_parallel(visit: Visit, state: ParallelState) -> Transition:
    """One visit of a Parallel, with all its attempts."""

    async def attempt() -> Transition:
        return await _Branches(visit, state).run()

    return await guarded(visit, state, attempt, _earlier(visit, "Parallel"), _give_up(visit, "Parallel"))


async def run_map(visit: Visit, state: MapState) -> Transition:
    """One visit of an inline Map, with all its attempts."""

    async def attempt() -> Transition:
        return await _Iterations(visit, state).run()

    return await guarded(visit, state, attempt, _earlier(visit, "Map"), _give_up(visit, "Map"))


def _earlier(visit: Visit, kind: str) -> list[StateFailed]:
    """The failures that ended earlier attempts at this state, the oldest first, by the state's own events.

    They spend its retries again. Not among them is the failure of a child in the attempt that is still open:
    that child is restored and raises it again.
    """
    failures: dict[int, StateFailed] = {}
    prior = [event for event in visit.prior if event.id > visit.redriven_at]
    for event, following in with_next(prior):
        if event.type == "EvaluationFailed":
            failures[event.id] = StateFailed.recorded(event)
        elif event.type == f"{kind}StateSucceeded" and getattr(following, "type", "") != "EvaluationFailed":
            # Succeeded is committed together with Exited, or with the failure in between. Here is neither:
            # the output was too large, which has no event of its own.
            failures[event.previous] = visit.output_too_large(event.previous, event.timestamp)
        was = event.facts.get(RETRIED)
        if was:  # A child's failure, noted in the Started event of the attempt after it.
            failures[was["event"]] = StateFailed(was["error"], was["cause"], was["event"])
    return [failures[number] for number in sorted(failures)]


def _give_up(visit: Visit, kind: str) -> Callable[[StateFailed], None]:
    """Return a function that writes the state's Failed event, unless an engine before this one wrote it."""
    written = _since_redrive(visit, f"{kind}StateFailed")

    def write(failure: StateFailed) -> None:
        # Failed points at the event that failed first. Whatever comes next, be it the catcher's Exited or the
        # failure of the state around, points at Failed: for them, this is where the failure is.
        visit.frame.head = failure.event_id
        failure.event_id = written.pop().id if written else visit.frame.emit(f"{kind}StateFailed")
        visit.frame.head = failure.event_id

    return write


def _since_redrive(visit: Visit, kind: str) -> list[Event]:
    return [event for event in visit.prior if event.type == kind and event.id > visit.redriven_at]


async def _for_ever() -> Document:
    """Stand in for a child that an engine before this one aborted, because another child had failed.

    It must not run again, and it has no output. It never ends: the child that failed fails again, which ends
    the group and cancels this.
    """
    never: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
    return await never


def _entries(items: Items) -> list[dict[str, Any]]:
    """The value of ``$states.context.Map.Item`` in each iteration, in order."""
    if isinstance(items, dict):
        return [{"Index": i, "Key": key, "Value": items[key]} for i, key in enumerate(items)]
    return [{"Index": index, "Value": value} for index, value in enumerate(items)]


class _Group:
    """One attempt of a Parallel or Map: its children, the first failure, the aborted siblings."""

    kind = ""
    """How the names of its events begin."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._frame = visit.frame
        self._running: dict[asyncio.Task[Document], tuple[int, Frame]] = {}
        """The children that have not ended, each with its branch's or item's index."""
        self._outputs: dict[int, Document] = {}
        self._size = 0

    def _take_opened(self) -> Event | None:
        """The Started event of an attempt that an engine before this one left open; None: a new attempt."""
        # Taken once: only the first attempt here can continue one, the next is a retry with its own Started.
        prior, self._visit.prior = self._visit.prior, []
        opened = [event for event in prior if event.type == f"{self.kind}StateStarted"]
        ends = ("EvaluationFailed", f"{self.kind}StateSucceeded")
        if not opened or any(e.type in ends and e.id > opened[-1].id for e in prior):
            return None  # Its own fields failed after it, or its output did: see _earlier.
        self._frame.head = opened[-1].id
        return opened[-1]

    def _started(self, details: dict[str, Any] | None) -> int:
        """Write the Started event of a new attempt.

        It notes the failure that it follows. If that was a child's, an engine that takes over would not come
        across it: the children of this attempt have other paths. It would retry once too often.
        """
        failed = self._visit.failed
        if failed is not None:
            self._frame.head = failed.event_id
            was = {"error": failed.error, "cause": failed.cause, "event": failed.event_id}
            details = {**(details or {}), RETRIED: was}
        return self._frame.emit(f"{self.kind}StateStarted", details)

    def _spawn(self, index: int, child: Frame, document: Document) -> None:
        stopped = self._visit.run.was_stopped(child.path, self._visit.redriven_at)
        work = _for_ever() if stopped else self._run_child(index, child, document)
        task = asyncio.ensure_future(work)
        self._running[task] = (index, child)

    async def _run_child(self, index: int, child: Frame, document: Document) -> Document:  # noqa: ARG002
        return await self._visit.run.run_frame(child, document, self._visit.redriven_at)

    async def _collect(self) -> list[tuple[int, Frame]]:
        """Wait until some children ended; raises the failure that came first, after stopping the others."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        failures = [(task.exception(), task) for task in done if task.exception()]
        if failures:
            await self._fail(failures)
        # Several may have ended in one turn of the loop. A set has no order; their last events have one.
        ended = sorted(((*self._running.pop(task), task) for task in done), key=lambda item: item[1].head)
        for index, _, task in ended:
            document = task.result()
            self._size += len(document.text)
            if self._too_much:
                self._outputs.clear()
            else:
                self._outputs[index] = document
        return [(index, child) for index, child, _ in ended]

    @property
    def _too_much(self) -> bool:
        """Whether the results take more room than there is: no further child begins, and the state fails."""
        return self._size > _MOST_RESULTS

    async def _fail(self, failures: list[tuple[BaseException | None, asyncio.Task[Document]]]) -> None:
        other = next((error for error, _ in failures if not isinstance(error, StateFailed)), None)
        if other is not None:
            # Not the failure of a state: the history is full, the journal cannot be written, or it is a fault
            # of ours. No events about children can follow.
            await self._cancel()
            raise other
        failure, task = min(failures, key=lambda pair: pair[0].event_id)  # type: ignore[union-attr]
        assert isinstance(failure, StateFailed)
        first = self._running.pop(task)
        # Children that ended well in this same turn are not aborted: nothing of them was under way.
        others = [where for task, where in self._running.items() if not task.done() or task.exception()]
        # A fatal failure ends the execution at once, without a word about children (facts/histories.md 1.3).
        if not failure.fatal and not self._written_before([first, *others]):
            self._write_aborts(failure, first, sorted(others, key=lambda item: item[0]))
        await self._cancel()
        raise failure

    def _written_before(self, children: list[tuple[int, Frame]]) -> bool:
        """Whether an engine before this one wrote the aborts that follow this failure.

        They are committed together, so that one of them stands for all.
        """
        return any(self._visit.run.was_aborted(c.path, self._visit.redriven_at) for _, c in children)

    async def _cancel(self) -> None:
        tasks = list(self._running)
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _write_aborts(
        self, failure: StateFailed, first: tuple[int, Frame], others: list[tuple[int, Frame]]
    ) -> None:
        """Write the ends of all children, and of the states that they are in, in AWS's order: the failed one
        first, whose state counts as aborted, too, because it never exits."""
        for position, (index, child) in enumerate([first, *others]):
            # Each points at the event that failed, whichever branch or item that is of.
            child.head = failure.event_id
            self._write_child_end(index, child, failed=position == 0)
            if child.visit and child.visit.state.type in _ABORTABLE:
                child.emit(f"{child.visit.state.type}StateAborted", advance=False)

    def _write_child_end(self, index: int, child: Frame, *, failed: bool) -> None:
        """A Map's own events for an iteration that did not succeed."""

    async def _cleanly(self, work: Any) -> Transition:
        """Run ``work``; when this group is cancelled, cancel its children and wait for them.

        They are tasks of the loop: by themselves they would run on, and write events after the end.
        """
        try:
            transition: Transition = await work
            return transition
        except asyncio.CancelledError:
            await self._cancel()
            raise

    def _succeed(self, last: int, count: int) -> Transition:
        """Write Succeeded and leave. Both events, Succeeded and Exited, point at the last child event."""
        self._frame.head = last
        if self._too_much:
            raise self._visit.output_too_large(last, self._visit.run.clock.time())
        self._frame.emit(f"{self.kind}StateSucceeded", advance=False)
        result = [self._outputs[index].value for index in range(count)]
        return self._visit.finish(Document(result), result=result, with_result=True)


class _Branches(_Group):
    kind = "Parallel"

    def __init__(self, visit: Visit, state: ParallelState) -> None:
        super().__init__(visit)
        self._state = state

    async def run(self) -> Transition:
        return await self._cleanly(self._run())

    async def _run(self) -> Transition:
        arguments = self._state.arguments
        document = self._visit.document if arguments is None else Document(self._visit.evaluate(arguments))
        opened = self._take_opened()
        if not opened and document.too_large:
            raise self._visit.output_too_large(self._frame.head, self._visit.run.clock.time())
        started = opened.id if opened else self._started(None)
        last = started
        for index, branch in enumerate(self._state.branches):
            self._spawn(index, self._frame.inner(started, index, branch, started), document)
        while self._running:
            ended = await self._collect()
            last = max(last, *(child.head for _, child in ended))
        return self._succeed(last, len(self._state.branches))


class _Iterations(_Group):
    kind = "Map"

    def __init__(self, visit: Visit, state: MapState) -> None:
        super().__init__(visit)
        self._state = state
        self._ends: dict[int, int] = {}
        """The MapIterationSucceeded event of each iteration, by its index."""

    async def run(self) -> Transition:
        return await self._cleanly(self._run())

    async def _run(self) -> Transition:
        opened = self._take_opened()
        # 0 is AWS's word for "as many as possible".
        limit = min(self._count(self._state.max_concurrency) or INLINE_LIMIT, INLINE_LIMIT)
        # An expression might give other items now, such as in another order: the started ones are kept.
        items = opened.facts[ITEMS] if opened and ITEMS in opened.facts else self._items()
        outside = self._frame.head
        started = opened.id if opened else self._started(self._facts(items))
        self._check_tolerance(outside)
        # A free slot is represented by the event that freed it: an iteration's first event points there.
        waiting, free = _entries(items)[::-1], [started] * limit
        while waiting or self._running:
            while waiting and free:
                self._start(started, waiting.pop(), free.pop(0))
            free += [child.head for _, child in await self._collect()]
            if self._too_much:
                waiting = [item for item in waiting if self._has_begun(started, item)]
        return self._succeed(max([started, *self._ends.values()]), len(items))

    def _facts(self, items: Items) -> dict[str, Any]:
        """The details of Started, and the items where an expression gave them: only the journal has those."""
        kept = {} if self._state.items is None or isinstance(self._state.items, Literal) else {ITEMS: items}
        return {"length": len(items), **kept}

    def _items(self) -> Items:
        template = self._state.items
        if template is None:
            value = self._visit.document.value
            if not isinstance(value, list):
                words = f"Map state input must be an array but was: {self._visit.document.text}"
                raise self._visit.evaluation_failed(EvaluationError(words, None))
            return value
        value = self._visit.evaluate(template)
        if not isinstance(value, (list, dict)):
            raise self._visit.evaluation_failed(template.wrong_type("array", value))
        return value

    def _count(self, template: Template | None) -> int:
        if template is None:
            return 0
        value = self._visit.evaluate(template)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._visit.evaluation_failed(template.wrong_type("non-negative integer", value))
        return value

    def _check_tolerance(self, outside: int) -> None:
        """Check the tolerated failures, which an inline Map accepts and ignores: one failed item fails it.

        AWS looks at them after the Started event, yet their failure points at ``outside``, the event before
        it; both are recorded. So the head is turned back while they are evaluated.
        """
        started, self._frame.head = self._frame.head, outside
        self._count(self._state.tolerated_count)
        template = self._state.tolerated_percentage
        if template is not None:
            value = self._visit.evaluate(template)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
                raise self._visit.evaluation_failed(template.wrong_type("percentage from 0 to 100", value))
        self._frame.head = started

    def _has_begun(self, started: int, item: dict[str, Any]) -> bool:
        path = self._frame.inner(started, item["Index"], self._state.processor, started).path
        return bool(self._visit.run.prior_events(path))

    def _start(self, started: int, item: dict[str, Any], head: int) -> None:
        child = self._frame.inner(started, item["Index"], self._state.processor, head)
        child.item = item
        # Of an object, an iteration gets the pair unless an ItemSelector says otherwise.
        pair = {"Key": item["Key"], "Value": item["Value"]} if "Key" in item else item["Value"]
        self._spawn(item["Index"], child, Document(pair))

    async def _run_child(self, index: int, child: Frame, document: Document) -> Document:
        events = self._visit.run.prior_events(child.path)
        ended = next((event.id for event in events if event.type == "MapIterationSucceeded"), None)
        if events:  # Its MapIterationStarted; the frame moves on from there when it is restored.
            child.head = events[0].id
        else:
            child.emit("MapIterationStarted", self._which(index))
        if TURN.used_up:  # Its ItemSelector may be slow.
            await TURN.wait(self._visit.run)
        output = await self._visit.run.run_frame(child, self._input(child, document), self._visit.redriven_at)
        self._ends[index] = ended or child.emit("MapIterationSucceeded", self._which(index), advance=False)
        return output

    def _input(self, child: Frame, document: Document) -> Document:
        """The input of an iteration: its item, or the result of the ItemSelector."""
        selector = self._state.item_selector
        if selector is None or self._visit.run.prior_states(child.path):
            return document  # A state that was entered has its input in its own event.
        for event in self._visit.run.prior_events(child.path):
            if event.type == "EvaluationFailed" and event.id > self._visit.redriven_at:
                raise StateFailed.recorded(event)
        try:
            selected = Document(selector.evaluate(self._visit.bindings(item=child.item)))
        except EvaluationError as error:
            raise self._visit.evaluation_failed(error, child) from error
        if selected.too_large:
            raise self._visit.output_too_large(child.head, self._visit.run.clock.time())
        return selected

    def _which(self, index: int) -> dict[str, Any]:
        return {"name": self._state.name, "index": index}

    def _write_child_end(self, index: int, child: Frame, *, failed: bool) -> None:
        kind = "MapIterationFailed" if failed else "MapIterationAborted"
        child.emit(kind, self._which(index), advance=False)
