"""A step that gets SIGTERM when it has started its first process and does not know of it yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stepherd.leaving import leave
from stepherd.steps.execution import main

started = Path(os.environ["STARTED"])
original = subprocess.Popen


def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
    child = original(*arguments, **options)
    while not (started.exists() and started.read_text().strip()):
        time.sleep(0.005)  # for the program to be there; its being there is what is awaited
    os.kill(os.getpid(), signal.SIGTERM)
    return child


subprocess.Popen = start  # type: ignore[assignment, misc]
leave(main(sys.argv[1:]))
