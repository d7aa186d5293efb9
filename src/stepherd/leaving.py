"""Ending a process as soon as there is nothing left to do in it."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

__all__ = ["leave"]


def leave(code: int) -> NoReturn:
    """End this process with an exit code, after what it wrote is out.

    Python would first take every module and object apart, which is 10 to 40 ms of each step and command; the
    system frees all of it anyway. Only for programs whose work is closed: nothing registered with ``atexit``
    runs, no thread is waited for.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # No one reads any more, or a disk is full: Python has its own way to say so.
        sys.exit(code)
    os._exit(code)
