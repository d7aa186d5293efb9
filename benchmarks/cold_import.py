"""Each function's module in a fresh interpreter, from the layer as Lambda has it, beside bare Python."""

from __future__ import annotations

import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure

__all__ = ["cold_import_figures"]

_ROOT = Path(__file__).parents[1]
_TIMES = 5
# Modules that functions find in Lambda's Python; other environments have more that botocore would load:
# pyOpenSSL.
_OF_LAMBDA = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


def cold_import_figures() -> Iterator[Figure]:
    """Processor time of a whole process: its wall time on an idle machine, as importing waits for nothing."""
    with tempfile.TemporaryDirectory() as name:
        layer, lambdas = _layer(Path(name)), _lambdas(Path(name) / "lambdas")
        bare = _seconds("pass", ())
        for app in sorted((_ROOT / "functions").glob("*/app.py")):
            value = _seconds("import app", (app.parent, layer, lambdas))
            yield Figure.of(
                f"cold import of the function {app.parent.name}", value * 1e3, "ms", "≤ 400", value <= 0.4,
                bare * 1e3,
            )  # fmt: skip


def _layer(folder: Path) -> Path:
    settings = [f"ARTIFACTS_DIR={folder}", f"PYTHON={sys.executable}", "PLATFORM="]
    command = ["make", "--silent", "-f", str(_ROOT / "layer" / "Makefile"), "build-SharedLayer", *settings]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "python"


def _lambdas(folder: Path) -> Path:
    folder.mkdir()
    for name in _OF_LAMBDA:
        origin = Path(str(getattr(importlib.util.find_spec(name), "origin", None)))
        origin = origin.parent if origin.name == "__init__.py" else origin
        (folder / origin.name).symlink_to(origin)
    return folder


def _seconds(code: str, places: tuple[Path, ...]) -> float:
    """The median of several. No bytecode but the layer's, which cannot be written to; no packages around."""
    found = f"import sys; sys.path[:0] = {[str(place) for place in places]}; {code}"
    command = [sys.executable, "-B", "-I", "-S", "-c", found]
    taken = []
    for _ in range(_TIMES):
        before = _processor_seconds()
        subprocess.run(command, env={"AWS_DEFAULT_REGION": "us-east-1"}, check=True, capture_output=True)
        taken.append(_processor_seconds() - before)
    return statistics.median(taken)


def _processor_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
