"""Processes that may hold secrets cannot be read by an agent of their user (facts/git-and-secrets.md 1)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")

HOLDERS = {
    "an engine": "from pathlib import Path; from stepherd.backends.home.engines import new_engine; "
    "new_engine(Path('home').absolute())",
    "a git step": "import types; from stepherd.steps.credentials import git_credentials; "
    "git_credentials(types.SimpleNamespace(git_credentials='none', git_token_host=None))",
    "a function": "import stepherd.telemetry",
}
_SHOW = "; import ctypes; print('readable', ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"


def test_a_function_that_cannot_be_hidden_starts_all_the_same_and_says_so(tmp_path: Path) -> None:
    """Lambda's sandbox refuses calls of this kind: an error would end every function at its init."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    refusing = (
        "import ctypes, types; ctypes.CDLL = lambda *a, **k: types.SimpleNamespace(prctl=lambda *a: -1); "
        "ctypes.get_errno = lambda: 1; import stepherd.telemetry; print('started')"
    )
    done = subprocess.run(
        [sys.executable, "-c", refusing],
        cwd=tmp_path, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "started"
    assert "This process cannot be hidden" in done.stdout
    assert "Operation not permitted" in done.stdout


@pytest.mark.parametrize("who", HOLDERS)
def test_its_environment_is_hidden(tmp_path: Path, who: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    code = HOLDERS[who] + _SHOW
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "readable 0"
