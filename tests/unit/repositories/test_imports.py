from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("boto3", "rich", "jsonschema", "zstandard", "tarfile", "urllib.request", "yaml", "ctypes")


@pytest.mark.parametrize("module", ["clone", "changes", "push", "probe", "links", "refs"])
def test_a_git_step_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, stepherd.repositories.{module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
