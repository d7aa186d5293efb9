"""How long a command line takes to begin, beside a bare interpreter."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tools.shape.table import Section

__all__ = ["start_up_section"]

_TIMES = 11


def start_up_section() -> Section:
    """Medians in milliseconds. Processor time is the steadier one where a machine has more to do."""
    commands = {
        "bare interpreter": [sys.executable, "-c", "pass"],
        "import stepherd": [sys.executable, "-c", "import stepherd"],
        "stepherd --help": [str(Path(sys.executable).with_name("stepherd")), "--help"],
    }
    for command in commands.values():
        _milliseconds(command)  # fills the cache of bytecode
    # In turn, so that all meet the same moments of a busy machine.
    taken = [{name: _milliseconds(command) for name, command in commands.items()} for _ in range(_TIMES)]
    rows = {
        name: tuple(round(statistics.median(one[name][kind] for one in taken), 1) for kind in (0, 1))
        for name in commands
    }
    return Section(f"start, median of {_TIMES}", ("wall ms", "processor ms"), rows)


def _milliseconds(command: list[str]) -> tuple[float, float]:
    used, began = _processor(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1e3, (_processor() - used) * 1e3


def _processor() -> float:
    """Seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
