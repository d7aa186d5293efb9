"""By default an ordinary user gets a sandbox, and root does not: these tests run as such a user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER = 55_000 + os.getpid() % 1_000
# By a shell, because setpriv itself still has root's rights when it looks for the program.
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "sh", "-c", 'exec "$@"', "sh")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="tests/e2e/as_user are run by this user itself")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of that user."""
    folder = Path(tempfile.mkdtemp(prefix="stepherd-user-"))
    os.chown(folder, USER, USER)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _interpreter(home: Path) -> Path | None:
    """A Python that the user can start, with the packages of this one: root's own may be closed to others."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        environment = home / "python"
        shutil.rmtree(environment, ignore_errors=True)
        made = subprocess.run(
            [*AS_USER, candidate, "-m", "venv", "--without-pip", str(environment)],
            check=False,
            capture_output=True,
        )
        packages = environment / "lib" / version / "site-packages"
        if made.returncode == 0 and packages.exists():
            ours = [path for path in sys.path if path.endswith("-packages")]
            (packages / "ours.pth").write_text("\n".join(ours))
            return environment / "bin" / "python"
    return None


@pytest.mark.timeout(600)
@pytest.mark.exhaustive
@pytest.mark.parametrize("expression", ["not exhaustive", "exhaustive"])
def test_everything_in_as_user(home: Path, require: Callable[[str], str], expression: str) -> None:
    for program in ("bwrap", "setpriv"):
        require(program)
    python = _interpreter(home)
    if python is None:
        require(f"a Python {sys.version_info[0]}.{sys.version_info[1]} for ordinary users")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LOGNAME": "someone",
        "TMPDIR": str(home),
        "PYTHONPATH": f"{ROOT}/src:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STEPHERD_REQUIRE_ALL": os.environ.get("STEPHERD_REQUIRE_ALL", ""),
    }
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", expression, "tests/e2e/as_user"]
    done = subprocess.run(
        [*AS_USER, str(python), *words],
        env=environment,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
