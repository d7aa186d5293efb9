"""A run that was checked and has not begun yet, with all that was loaded or uploaded for it early."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from stepherd.backends.client import Call
from stepherd.errors import StepherdError

if TYPE_CHECKING:
    from stepherd.backends.home.background import BackgroundEngine
    from stepherd.engine.local import LocalEngine

__all__ = ["Begin", "Beginning"]

Begin = Callable[[Call], str]
"""Starts, redrives or picks a run on an engine, and gives its id. Called again when that engine ended."""


def _nothing() -> None:
    pass


class Beginning:
    """How to begin a run: call it with what is to carry the run. A context manager.

    At its end whatever was begun early is released, unless it was taken over; and where the run has
    certainly not begun, ``undo`` takes back what was uploaded for it.
    """

    def __init__(
        self,
        run_id: str,
        begin: Begin,
        *,
        remark: str = "",
        engine: LocalEngine | None = None,
        background: BackgroundEngine | None = None,
        undo: Callable[[], None] = _nothing,
    ) -> None:
        self.run_id = run_id
        self.remark = remark
        """One line that a person who starts the run should read; empty for none."""
        self._begin = begin
        self._engine = engine
        self._background = background
        self._undo = undo
        self._may_have_begun = False

    def __call__(self, call: Call) -> str:
        """Begin it there, or find that it has begun; the run's id."""
        self._may_have_begun = True
        try:
            return self._begin(call)
        except StepherdError as error:
            self._may_have_begun = error.retryable  # Such as a time-out: no answer came, and it may run.
            raise

    def take_engine(self) -> LocalEngine | None:
        """The engine that was warmed up, if one was: the caller closes it or gives it up."""
        engine, self._engine = self._engine, None
        return engine

    def take_background(self) -> BackgroundEngine | None:
        """The engine that was loaded to continue without this process, if one was."""
        background, self._background = self._background, None
        return background

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if engine := self.take_engine():
            engine.release()
        if background := self.take_background():
            background.give_up()
        if not self._may_have_begun:
            self._undo()
