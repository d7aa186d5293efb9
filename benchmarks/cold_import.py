"""Each function's module in a fresh interpreter, from the layer as Lambda has it, beside bare Python."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, median_seconds

__all__ = ["cold_import_figures"]

_ROOT = Path(__file__).parents[1]
_TIMES = 5


def cold_import_figures() -> Iterator[Figure]:
    """Wall time of a whole process, on a whole processor of this machine."""
    with tempfile.TemporaryDirectory() as name:
        layer = _layer(Path(name))
        bare = median_seconds(lambda: _import("pass", ()), _TIMES)
        for app in sorted((_ROOT / "functions").glob("*/app.py")):
            place = (app.parent, layer)
            value = median_seconds(lambda place=place: _import("import app", place), _TIMES)
            yield Figure.of(
                f"cold import of the function {app.parent.name}", value * 1e3, "ms", "≤ 400", value <= 0.4,
                bare * 1e3,
            )  # fmt: skip


def _layer(folder: Path) -> Path:
    settings = [f"ARTIFACTS_DIR={folder}", f"PYTHON={sys.executable}", "PLATFORM="]
    command = ["make", "--silent", "-f", str(_ROOT / "layer" / "Makefile"), "build-SharedLayer", *settings]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "python"


def _import(code: str, places: tuple[Path, ...]) -> None:
    """Without bytecode: the layer has none and cannot be written to, so Lambda compiles at each start."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    subprocess.run([sys.executable, "-B", "-c", code], env=environment, check=True, capture_output=True)
