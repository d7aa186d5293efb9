"""Wheel and sdist build, hold what they should, and work for a user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from amazon_q_streaming_client import __version__

ROOT = Path(__file__).parents[2]
NAME = f"amazon_q_streaming_client-{__version__}"
IMPORT_LIMIT = 0.150  # seconds of processor time: other work on the machine does not count


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as a user has it: without the virtual environment and caches."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "dist"


def test_the_wheel_holds_the_package_and_its_type_mark(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = Parser().parsestr(wheel.read(f"{NAME}.dist-info/METADATA").decode())
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert modules | {"amazon_q_streaming_client/py.typed"} == {n for n in names if ".dist-info" not in n}
    assert all(", https://" in line for line in metadata.get_all("Project-URL") or [""])
    assert f"{NAME}.dist-info/licenses/LICENSE" in names
    needed = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert sorted(line.split("<")[0].split(">")[0] for line in needed) == ["httpx", "pydantic"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_sdist_holds_tests_docs_and_examples(dist: Path) -> None:
    with tarfile.open(dist / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    for wanted in (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        "docs/reference.md",
        "tests/conftest.py",
    ):
        assert wanted in names
    assert {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")} <= names


def test_the_wheel_works_where_only_it_is(dist: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(dist / f"{NAME}-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path)
    command = [sys.executable, "-m", "amazon_q_streaming_client", "--version"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path
    )
    assert run.stdout.strip() == __version__


@pytest.mark.slow
def test_an_example_of_a_user_passes_mypy_strict(tmp_path: Path) -> None:
    for path in (ROOT / "examples").glob("*.py"):
        shutil.copy(path, tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


SCRIPT = """
import sys, time
from pydantic import AfterValidator, BaseModel, Field, JsonValue, alias_generators
start = time.process_time()
from amazon_q_streaming_client import QStreamingClient, QStreamingClientSync, collect
print(time.process_time() - start, "httpx" in sys.modules, "asyncio" in sys.modules)
"""


def test_the_import_is_quick_and_leaves_httpx_for_the_first_client(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT / "src"), "PYTHONPYCACHEPREFIX": str(tmp_path)}
    seconds = []
    for _ in range(5):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": ""},
        )
        taken, httpx, asyncio = run.stdout.split()
        seconds.append(float(taken))
        assert (httpx, asyncio) == ("False", "False")
    assert min(seconds) < IMPORT_LIMIT
