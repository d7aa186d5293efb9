"""Other users of this machine, for tests of what one may do to another. Only root can act as one."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

__all__ = [
    "AGENT_USER",
    "ORDINARY",
    "as_ordinary_user",
    "interpreter",
    "make_agent_user",
    "ordinary_python",
    "python_path",
]

ORDINARY = 60010
"""An ordinary user; it needs no name."""
AGENT_USER = "stepherd-tests-agent"
ROOT = Path(__file__).parents[1]


def make_agent_user() -> str:
    """The name of a user that is nothing else's, made where it is missing."""
    try:
        pwd.getpwnam(AGENT_USER)
    except KeyError:
        # Another test process may be making it at this moment: then this fails, and the user is there.
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--user-group", AGENT_USER],
            check=False,
            capture_output=True,
        )
        pwd.getpwnam(AGENT_USER)
    return AGENT_USER


def as_ordinary_user() -> dict[str, Any]:
    """Arguments by which subprocess starts a program as an ordinary user, whoever runs the tests."""
    return {"user": ORDINARY, "group": ORDINARY, "extra_groups": []} if os.geteuid() == 0 else {}


def interpreter() -> str:
    """A Python of this version that every user may run, with ``python_path`` as PYTHONPATH."""
    name = f"python3.{sys.version_info.minor}"
    paths = (Path(sys.executable).resolve(), Path("/usr/bin", name), Path("/usr/local/bin", name))
    for path in paths:
        if path.exists() and all(part.stat().st_mode & 0o005 == 0o005 for part in (path, *path.parents)):
            return str(path)
    if os.environ.get("STEPHERD_REQUIRE_ALL") == "1":
        pytest.fail(f"there is no {name} that every user may run")
    pytest.skip(f"there is no {name} that every user may run")


def python_path() -> str:
    """Stepherd, its tests, and what both need."""
    return os.pathsep.join([str(ROOT / "src"), str(ROOT), sysconfig.get_path("purelib")])


def ordinary_python(
    code: str, *words: str, environment: Mapping[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run Python code as an ordinary user."""
    return subprocess.run(
        [interpreter(), "-c", code, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path(), **(environment or {})},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        **as_ordinary_user(),
    )
