"""Starting a run: the request checked before anything begins, while what begins later is loaded already."""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.backends.beginning import Beginning
from stepherd.backends.client import Call, EngineGone, remote_call
from stepherd.backends.home.background import BackgroundEngine
from stepherd.backends.home.engines import new_engine
from stepherd.backends.home.forks import new_fork_server
from stepherd.backends.home.private_home import make_private
from stepherd.engine.identity import JOURNAL
from stepherd.engine.journal.lock import find_engine
from stepherd.engine.runners.choice import (
    AS_PROCESSES,
    RunnerChoice,
)

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine

__all__ = ["begin_in_background", "prepare"]

_NEEDED_LATER = (
    "stepherd.engine.api.operations",
    "stepherd.engine.api.endpoint",
    "stepherd.engine.api.http_serving",
)


def prepare(
    home: Path,
    run_id: str,
    request: dict[str, Any],
    runner: RunnerChoice | None = AS_PROCESSES,
    *,
    detach: bool = False,
) -> Beginning:
    """Check a request, and load what carries its run. A ``runner`` of None is chosen here.

    A repository that cannot be reached, or a base that is not there, is found before anything starts.
    While that is looked into, the engine is loaded and the first processes begin: the run starts as soon as
    the answer is good, and nothing is left of them when it is not. A home that is new waits for the check of
    the request, so that a mistake does not even leave a folder. With ``detach`` the engine is loaded in a
    process of its own.
    """
    early = _Early(home, detach=detach)
    try:
        if (home / JOURNAL).exists():
            early.begin()
        # For its start-up time: all that checks is loaded while the engine's first processes begin.
        from stepherd.backends.home.checking import check_run

        begin, remark = check_run(home, run_id, request, runner, early)
        return Beginning(run_id, begin, remark=remark, engine=early.engine, background=early.background)
    except BaseException:
        early.release()
        raise


def begin_in_background(home: Path, beginning: Beginning) -> Call:
    """Begin a run on the live engine of the home, or on one in the background; calls to that engine."""
    while True:
        address = find_engine(home)
        if address is None:
            address = (beginning.take_background() or BackgroundEngine(home)).take_over()
        call = remote_call(address)
        try:
            beginning(call)
        except EngineGone:
            continue  # It was about to end: another one has the home by now, or will.
        return call


class _Early:
    """Loads, while the request is checked, an engine of our own, or one for the background."""

    def __init__(self, home: Path, *, detach: bool) -> None:
        self._home = home
        self._detach = detach
        self.engine: LocalEngine | None = None
        self.background: BackgroundEngine | None = None

    def begin(self) -> None:
        """Load it, unless that was begun already or another engine serves the home."""
        if self.engine or self.background or find_engine(self._home):
            return
        make_private(self._home)
        if self._detach:
            self.background = BackgroundEngine(self._home)
        else:
            self.engine = _warmed_up(self._home)

    def load_later(self) -> None:
        """Load what an engine of our own needs when it is opened: until there is something to wait for, that
        would only be in the way."""
        if self.engine:
            threading.Thread(target=_load_later, daemon=True).start()

    def release(self) -> None:
        """End what was begun early."""
        if self.engine:
            self.engine.release()
        if self.background:
            self.background.give_up()


def _warmed_up(home: Path) -> LocalEngine:
    """An engine of our own, with the first function's process begun."""
    forks = new_fork_server(home)
    forks.start()  # First of all: it loads what is forked, while this process loads the engine.
    try:
        engine = new_engine(home, forks=forks)
    except BaseException:
        forks.close()
        raise
    engine.warm_up()
    return engine


def _load_later() -> None:
    for name in _NEEDED_LATER:
        import_module(name)
