"""A step that gets SIGTERM where Python drops what a signal handler raises, just before its first process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any

from stepherd.leaving import leave
from stepherd.steps.execution import main

original = subprocess.Popen


class Kept:
    """An object to refer to weakly."""


def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
    if threading.current_thread() is not threading.main_thread():
        return original(*arguments, **options)  # Signals are handled in the main thread alone.
    subprocess.Popen = original  # type: ignore[misc]
    kept = Kept()
    last = weakref.ref(kept, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    del kept
    assert last() is None
    return original(*arguments, **options)


subprocess.Popen = start  # type: ignore[assignment, misc]
leave(main(sys.argv[1:]))
