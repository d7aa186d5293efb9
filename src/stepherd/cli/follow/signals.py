"""Interruptions while a run is followed: signals, and keys that are pressed as an answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from enum import Enum

__all__ = ["Signal", "Signals"]


class Signal(Enum):
    """Why following a run came to an end, or was interrupted."""

    ENDED = "the run ended"
    INTERRUPTED = "Ctrl-C"
    TERMINATED = "SIGTERM"
    HUNG_UP = "the terminal was closed"
    STOP = "s was pressed"
    CONTINUE = "c was pressed"
    WATCH = "w was pressed"


_SIGNALS = {
    signal.SIGINT: Signal.INTERRUPTED,
    signal.SIGTERM: Signal.TERMINATED,
    signal.SIGHUP: Signal.HUNG_UP,
}
_KEYS = {"s": Signal.STOP, "c": Signal.CONTINUE, "w": Signal.WATCH, "\n": Signal.WATCH}


class Signals:
    """Collects what happens, in order, from ``listening`` on."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Signal] = asyncio.Queue()
        self._asking = contextlib.ExitStack()

    async def next(self) -> Signal:
        """Wait for the next thing that happens."""
        return await self._queue.get()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take signals, except those that whoever started this process had it ignore (as nohup does)."""
        loop = asyncio.get_running_loop()
        taken = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        for number in taken:
            loop.add_signal_handler(number, self._queue.put_nowait, _SIGNALS[number])
        try:
            yield
        finally:
            self.forget_keys()
            for number in taken:
                loop.remove_signal_handler(number)

    def ask_for_keys(self) -> None:
        """Take single keys as answers; the engine continues meanwhile."""
        self._asking.enter_context(_keys_unbuffered())
        loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
        loop.add_reader(keyboard, self._read_keys, keyboard)
        self._asking.callback(loop.remove_reader, keyboard)

    def forget_keys(self) -> None:
        """Give the keyboard back."""
        self._asking.close()

    def _read_keys(self, keyboard: int) -> None:
        with contextlib.suppress(OSError):
            pressed = os.read(keyboard, 64).decode(errors="replace").lower()
            for key in pressed:
                if key in _KEYS:
                    self._queue.put_nowait(_KEYS[key])
            if pressed:
                return
        self.forget_keys()  # The terminal is gone; SIGHUP says the rest.


@contextlib.contextmanager
def _keys_unbuffered() -> Iterator[None]:
    """Keys arrive at once and are not echoed; Ctrl-C still is a signal."""
    keyboard = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(keyboard)
        tty.setcbreak(keyboard, termios.TCSANOW)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
