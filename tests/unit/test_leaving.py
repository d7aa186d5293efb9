"""A program that leaves: its exit code, what it wrote, and what it does not wait for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_WRITES = "import sys; from stepherd.leaving import leave; print('out'); print('err', file=sys.stderr); "


def _run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", [0, 77])
def test_what_was_written_is_out(code: int) -> None:
    done = _run(f"{_WRITES} leave({code})")
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")


def test_nothing_is_taken_apart() -> None:
    done = _run(f"import atexit; atexit.register(print, 'late'); {_WRITES} leave(0)")
    assert done.stdout == "out\n"


def test_output_that_nobody_takes_is_not_called_success() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nowhere:
        command = [sys.executable, "-c", f"{_WRITES} leave(0)"]
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(
            command, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False, env=buffered
        )
    assert done.returncode == 120
    assert "Broken pipe" in done.stderr
