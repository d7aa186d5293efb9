"""The project as somebody has it who has just cloned it, and its layer for the machine of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]


def clean_copy(folder: Path) -> Path:
    """Copies what git would clone, with what is not committed yet, and nothing that git ignores."""
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others"]
    done = subprocess.run([*listing, "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    for name in done.stdout.decode().split("\0"):
        source, target = ROOT / name, folder / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def native_layer(project: Path, folder: Path, python: str) -> Path:
    """The layer's folder ``python``, made as ``sam build`` makes it but with wheels for this interpreter."""
    settings = [f"ARTIFACTS_DIR={folder}", f"PYTHON={python}", "PLATFORM="]
    run(["make", "--silent", "-f", "layer/Makefile", "build-SharedLayer", *settings], project)
    return folder / "python"


def run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """A program in the project's folder, as a user's shell starts it; its standard output."""
    always = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **always, **(environment or {})},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
