"""The ground of every test: an environment without the user's own settings, and a home of its own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code. Where all is required, the same
# examples are tried each time: that judges a change. At a desk others are, which is how new ones are found.
settings.register_profile(
    "stepherd", deadline=None, derandomize=os.environ.get("STEPHERD_REQUIRE_ALL") == "1"
)
settings.load_profile("stepherd")
# Started in the background by a shell, tests and all that they start would ignore SIGINT; by nohup, SIGHUP.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
_REMOVED = ("GIT_", "AWS_", "STEPHERD_", "POWERTOOLS_", "SAM_")
_KEPT = frozenset({"STEPHERD_REQUIRE_ALL", "STEPHERD_TESTS_RANDOM_KEYS", "AWS_CA_BUNDLE"})


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(_REMOVED) and name not in _KEPT:
            monkeypatch.delenv(name)
    # Tests' agents write where tests see it; those of the sandbox take this away.
    monkeypatch.setenv("STEPHERD_RUNNER", "process")
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home-of-user")))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """Gives a program's path by its name; without it the test is skipped, or fails where all is required."""

    def find(program: str) -> str:
        found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if found:
            return found
        if os.environ.get("STEPHERD_REQUIRE_ALL") == "1":
            pytest.fail(f"{program} is missing, and STEPHERD_REQUIRE_ALL=1 lets nothing be skipped")
        pytest.skip(f"{program} is not installed")

    return find
