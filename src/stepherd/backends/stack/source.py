"""Following an execution on a stack: gently, and with patience for a network that comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from stepherd.backends.asking import in_background
from stepherd.backends.client import Call
from stepherd.backends.sources import RemoteSource, events_after
from stepherd.errors import NotFoundError, StepherdError, TemporaryError, UnavailableError

__all__ = ["StackSource"]

_SHORTEST: Final = 1.0
_LONGEST: Final = 5.0
"""Between two looks, in seconds. GetExecutionHistory is throttled for the whole account ("Quotas")."""
_GROWTH: Final = 1.4
_GLANCE: Final = 0.5
"""How long clocks and keys wait for an answer; it is taken when it comes."""
_BEHIND_SECONDS: Final = 30.0
"""How long an execution that was started may be unknown: the API is eventually consistent."""
_PATIENCE_SECONDS: Final = 600.0

Events = list[dict[str, Any]]


class StackSource(RemoteSource):
    """Asks less often while nothing happens. It shows an error that may pass, and retries for ten minutes."""

    def __init__(self, call: Call, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(call)
        self._clock = clock
        self._made = clock()
        self._pause = _SHORTEST
        self._asked: dict[str, asyncio.Future[Events]] = {}
        self._failing: float | None = None

    async def news(self, arn: str, after: int) -> Events:
        asked = self._asked.get(arn) or in_background(lambda: events_after(self.call, arn, after))
        await asyncio.wait({asked}, timeout=_GLANCE)
        if not asked.done():
            self._asked[arn] = asked
            return []
        self._asked.pop(arn, None)
        return self._taken(asked, after)

    async def changed(self) -> None:
        await asyncio.sleep(_GLANCE if self._asked else self._pause)

    def _taken(self, asked: asyncio.Future[Events], after: int) -> Events:
        try:
            found = asked.result()
        except NotFoundError:
            if after or self._clock() - self._made > _BEHIND_SECONDS:
                raise
            found = []
        except (TemporaryError, UnavailableError) as error:
            self._bear(error)
            return []
        if self._failing is not None:
            self._failing = None
            self.tell("AWS answers again.")
        self._pause = _SHORTEST if found else min(_LONGEST, self._pause * _GROWTH)
        return found

    def _bear(self, error: StepherdError) -> None:
        now = self._clock()
        if self._failing is None:
            self._failing = now
            self.tell(f"{error.message} The run continues; asking again. Ctrl-C stops asking.")
        if now - self._failing > _PATIENCE_SECONDS:
            raise error
        self._pause = _LONGEST
