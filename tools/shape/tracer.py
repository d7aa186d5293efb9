"""Copied as ``sitecustomize.py`` into a folder on PYTHONPATH: notes which of our files a process enters.

Beside it lies ``roots``, a folder a line, and there it appends to a file named after the process: ``L PATH``
when the file is loaded, ``E PATH`` when the first of its functions is called.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import FrameType

__all__: list[str] = []

_HERE = Path(__file__).parent
_ROOTS = tuple((_HERE / "roots").read_text(encoding="utf-8").splitlines())
_IN_FUNCTION = 1  # CO_OPTIMIZED: neither a module nor the body of a class
_loaded: set[str] = set()
_entered: set[str] = set()


def _see(frame: FrameType, event: str, _: object) -> None:
    if event != "call":
        return
    code = frame.f_code
    seen = _entered if code.co_flags & _IN_FUNCTION else _loaded
    if code.co_filename in seen:
        return
    seen.add(code.co_filename)
    if code.co_filename.startswith(_ROOTS):
        # At once: a process may leave in ways that run nothing.
        with (_HERE / str(os.getpid())).open("a", encoding="utf-8") as notes:
            notes.write(f"{'L' if seen is _loaded else 'E'} {code.co_filename}\n")


os.register_at_fork(after_in_child=_entered.clear)
threading.setprofile(_see)
sys.setprofile(_see)
