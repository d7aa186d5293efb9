"""The limits of one process, and acting on them: notice, SIGINT, SIGTERM, SIGKILL."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from stepherd.agents.contract import Ending
from stepherd.processes.tree import Tree

if TYPE_CHECKING:
    from stepherd.agents.listening import Listener

__all__ = ["Limits", "StopRequest", "Watch"]

_TURN_SECONDS: Final = 0.25
_CHILD_CHECKS: Final = 10  # of one silence limit


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds, on the monotonic clock, unless said otherwise."""

    seconds: float
    silence_seconds: float | None = None
    """How long it may print nothing."""
    interrupt_grace: float = 5.0
    """From SIGINT to SIGTERM."""
    terminate_grace: float = 5.0
    """From SIGTERM to SIGKILL."""
    children_break_silence: bool = False
    """Whether it is not silent while a process lives that it started: a long build prints nothing."""
    turns: int | None = None
    cost_usd: float | None = None
    linger_seconds: float = 10.0
    """How long it may live on once it has said that it is done."""
    notice_share: float | None = None
    """The share of a limit from which on it is told that it comes near."""


@dataclass(slots=True)
class StopRequest:
    """Asks a supervised process to stop; ``ask`` may be called from a signal handler."""

    asked: bool = False
    _pipe: tuple[int, int] = field(default_factory=os.pipe)

    def ask(self) -> None:
        """Ask the agent to stop soon."""
        self.asked = True
        os.write(self._pipe[1], b"!")

    def fileno(self) -> int:
        """A handle that is readable once a stop was asked."""
        return self._pipe[0]

    def pause(self, seconds: float) -> bool:
        """Wait for so many seconds, or until asked; False once asked."""
        return not select.select([self], [], [], seconds)[0]

    def close(self) -> None:
        """Close both ends of the pipe."""
        for end in self._pipe:
            os.close(end)


LimitName = Literal["time", "silence", "turns", "cost"]


@dataclass(slots=True)
class Watch:
    """Watches one process: its limits, its silence, and requests to stop it."""

    tree: Tree
    limits: Limits
    stop: StopRequest
    listener: Listener
    near: Callable[[LimitName, float, float], None]
    """Called once for each limit that comes near: its name, the limit, what is used."""
    reached: Callable[[LimitName, float], None]
    started: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    ending: Ending = "exited"
    limit_seconds: float | None = None
    next_signal: tuple[float, signal.Signals] | None = None
    done_at: float | None = None
    _said: set[LimitName] = field(default_factory=set)
    _children_checked: float = 0.0

    def look(self, now: float) -> None:
        """Act on what time it is, and on what was heard."""
        if self.next_signal is not None:
            self._go_on_ending(now)
        elif self.listener.done:
            self._let_linger(now)
        elif self.stop.asked:
            self._begin_ending(now, "interrupted")
        elif now - self.started >= self.limits.seconds:
            self._reach(now, "deadline", "time", self.limits.seconds)
        elif self._is_silent(now):
            self._reach(now, "silence", "silence", self.limits.silence_seconds or 0.0)
        elif self.limits.turns is not None and self.listener.turns > self.limits.turns:
            self._reach(now, "turns", "turns", self.limits.turns)
        elif self.limits.cost_usd is not None and self.listener.cost_usd > self.limits.cost_usd:
            self._reach(now, "cost", "cost", self.limits.cost_usd)
        else:
            self._look_ahead(now)

    def wait_seconds(self, now: float) -> float:
        """Until there can be something to look at."""
        if self.next_signal is not None:
            return max(0.0, min(_TURN_SECONDS, self.next_signal[0] - now))
        return max(0.0, min(_TURN_SECONDS, self.started + self.limits.seconds - now))

    def _is_silent(self, now: float) -> bool:
        limit = self.limits.silence_seconds
        if limit is None:
            return False
        if self.limits.children_break_silence:
            often = limit / _CHILD_CHECKS
            if now - self.heard >= often and now - self._children_checked >= often:
                self._children_checked = now
                if self.tree.busy():
                    self.heard = now
        return now - self.heard >= limit

    def _let_linger(self, now: float) -> None:
        if self.done_at is None:
            self.done_at = now
        if self.stop.asked or now - self.done_at >= self.limits.linger_seconds:
            self._begin_ending(now, "lingered")

    def _look_ahead(self, now: float) -> None:
        share = self.limits.notice_share
        if share is None:
            return
        used: tuple[tuple[LimitName, float | None, float], ...] = (
            ("time", self.limits.seconds, now - self.started),
            ("turns", self.limits.turns, self.listener.turns),
            ("cost", self.limits.cost_usd, self.listener.cost_usd),
        )
        for name, limit, value in used:
            if limit is not None and value >= share * limit and name not in self._said:
                self._said.add(name)
                self.near(name, limit, value)

    def _reach(self, now: float, ending: Ending, name: LimitName, limit: float) -> None:
        if name in {"time", "silence"}:
            self.limit_seconds = limit
        self.reached(name, limit)
        self._begin_ending(now, ending)

    def _begin_ending(self, now: float, ending: Ending) -> None:
        self.ending = ending
        # To the group alone: a tool's helpers get it from their leader, as from a terminal.
        self.tree.signal(signal.SIGINT, everyone=False)
        self.next_signal = (now + self.limits.interrupt_grace, signal.SIGTERM)

    def _go_on_ending(self, now: float) -> None:
        assert self.next_signal is not None
        when, number = self.next_signal
        if now >= when:
            self.tree.signal(number, everyone=True)
            self.next_signal = (now + self.limits.terminate_grace, signal.SIGKILL)
