"""Retry and Catch around an attempt (facts/histories.md 3)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from stepherd.engine.asl.definition import GuardedState, Retrier
from stepherd.engine.asl.values import Document
from stepherd.engine.interpreter.failures import StateFailed
from stepherd.engine.interpreter.frame import Transition, Visit

__all__ = ["RetryBudget", "guarded", "pause_before"]


def pause_before(retrier: Retrier, attempt: int, seed: str) -> float:
    """Seconds before retry ``attempt`` (from 1) of a retrier: capped first, then jittered.

    The jitter is drawn from the seed, so that an engine that takes over waits until the same moment.
    """
    try:
        pause = retrier.interval * retrier.backoff_rate ** (attempt - 1)
    except OverflowError:
        pause = float("inf")
    pause = min(pause, retrier.max_delay or 31_622_400)
    return random.Random(seed).uniform(0, pause) if retrier.full_jitter else pause  # noqa: S311


class RetryBudget:
    """Counts each retrier's attempts over one visit of a state."""

    def __init__(self, retriers: tuple[Retrier, ...]) -> None:
        self._retriers = retriers
        self._spent = [0] * len(retriers)

    def pause(self, failure: StateFailed, seed: str) -> float | None:
        """Seconds to wait before trying again, or None when the first matching retrier is used up."""
        for index, retrier in enumerate(self._retriers):
            if failure.matches(retrier.errors):
                if self._spent[index] >= retrier.max_attempts:
                    return None
                self._spent[index] += 1
                return pause_before(retrier, self._spent[index], seed)
        return None


async def guarded(
    visit: Visit,
    state: GuardedState,
    attempt: Callable[[], Awaitable[Transition]],
    earlier: list[StateFailed],
    give_up: Callable[[StateFailed], None] | None = None,
) -> Transition:
    """Run attempts until one succeeds, none is left, or a catcher takes the failure.

    ``earlier`` are failures of this visit that an engine before this one saw; they spend the budget again.
    ``give_up`` writes the state's own Failed event.
    """
    budget = RetryBudget(state.retry)
    while True:
        try:
            if earlier:
                raise earlier.pop(0)
            return await attempt()
        except StateFailed as failure:
            if failure.fatal:
                raise
            pause = budget.pause(failure, f"{visit.run.execution.arn}:{failure.event_id}")
            if pause is None:
                if give_up:
                    give_up(failure)
                return catch(visit, state, failure)
            visit.retries += 1
            visit.failed = failure
            if not earlier:
                await visit.run.sleep_until(failure.at + pause)


def catch(visit: Visit, state: GuardedState, failure: StateFailed) -> Transition:
    """Leave through the first catcher that matches; else the failure continues to what encloses the state."""
    for catcher in state.catch:
        if failure.matches(catcher.errors):
            document = Document(failure.error_output)
            bindings = visit.bindings(errorOutput=failure.error_output)
            return visit.leave_with(catcher.output, catcher.assign, bindings, document, catcher.next)
    raise failure
