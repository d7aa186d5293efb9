"""Telling a person that AWS was asked and has not answered yet: silence looks like a program that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["telling_of_waits", "watch"]

_SILENT_SECONDS: Final = 1.5


class _Waits:
    """Which waits are told of, and to whom: one command of one process."""

    def __init__(self) -> None:
        self.tell: Callable[[str], None] | None = None
        self.told: set[str] = set()

    def say(self, what: str) -> None:
        """Once for each service: the later waits are the same news."""
        if self.tell is not None and what not in self.told:
            self.told.add(what)
            self.tell(f"Waiting for {what} to answer …")


_waits: Final = _Waits()


@contextmanager
def telling_of_waits(tell: Callable[[str], None]) -> Iterator[None]:
    """Within the block ``tell`` gets a line when a call lasts longer than a second and a half.

    It is called from another thread.
    """
    _waits.tell, _waits.told = tell, set()
    try:
        yield
    finally:
        _waits.tell = None


def watch(client: Any) -> Any:
    """Let what a botocore client calls be told of; the client."""
    what = f"AWS ({client.meta.service_model.service_name} in {client.meta.region_name})"
    timers: dict[int, threading.Timer] = {}

    def begun(**_: Any) -> None:
        if _waits.tell is None:
            return
        timer = threading.Timer(_SILENT_SECONDS, _waits.say, (what,))
        timer.daemon = True
        timer.start()
        timers[threading.get_ident()] = timer

    def ended(**_: Any) -> None:
        timer = timers.pop(threading.get_ident(), None)
        if timer is not None:
            timer.cancel()

    client.meta.events.register("before-call", begun)
    client.meta.events.register("after-call", ended)
    client.meta.events.register("after-call-error", ended)
    return client
