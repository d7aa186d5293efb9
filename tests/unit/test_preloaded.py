"""The modules loaded before functions and steps are forked: all that take time, none that has an effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_BEFORE = "import json, os, sys; import stepherd.preloaded; loaded = set(sys.modules); "


def answer(code: str, **variables: str) -> Any:
    """The value that ``code``, run after loading, puts into ``found``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{_BEFORE}{code}; print(json.dumps(found))"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_loading_starts_no_thread_and_leaves_the_process_readable() -> None:
    """A fork has one thread only; and what was hidden could not show a task's marker."""
    prctl = (
        "import ctypes; found = [len(os.listdir('/proc/self/task')), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]"
    )
    assert answer(prctl) == [1, 1]


def test_variables_that_come_later_count() -> None:
    """A function's logger has the level of its own environment, and its client the address."""
    assert answer("found = sorted({'runtime_client', 'stepherd.telemetry'} & loaded)") == []
    code = (
        "os.environ['POWERTOOLS_LOG_LEVEL'] = 'CRITICAL'; from stepherd.telemetry import logger; "
        "found = logger.log_level"
    )
    assert answer(code) == 50


@pytest.mark.parametrize("function", ["prepare_run", "report_run", "report_failure"])
def test_a_function_has_little_left_to_load(function: str) -> None:
    code = (
        f"sys.path.insert(0, {str(ROOT / 'functions' / function)!r}); import app; "
        "found = sorted(m for m in set(sys.modules) - loaded if not m.startswith('_'))"
    )
    assert answer(code) == ["app", "stepherd.telemetry"]


@pytest.mark.parametrize("step", ["clone", "agent", "push"])
def test_a_step_has_nothing_left_to_load(step: str) -> None:
    code = (
        f"import stepherd.steps.execution, stepherd.steps.{step}; found = sorted(set(sys.modules) - loaded)"
    )
    assert answer(code) == []
