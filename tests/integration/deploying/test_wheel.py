"""An installed wheel deploys what a checkout does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.integration.cloud.project import clean_copy, run

_LIST = """
import hashlib, json
from stepherd.application import find_project
files = find_project().files()
print(json.dumps({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files}))
"""
_PIP = """
import pathlib, sys
pathlib.Path(sys.argv[sys.argv.index("--target") + 1]).mkdir(parents=True, exist_ok=True)
"""


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_a_wheel_carries_all_that_layer_and_images_are_built_from(tmp_path: Path) -> None:
    clone = clean_copy(tmp_path / "clone")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), "."], clone)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)

    of_wheel, of_clone = (json.loads(_python(place, "-c", _LIST)) for place in (installed, clone / "src"))
    assert of_wheel == of_clone
    assert {
        "container/buildspec.yml",
        "layer/Makefile",
        "functions/api/app.py",
        "layer/requirements.lock",
    } <= of_clone.keys()

    # AND the layer's script finds the installed modules, without what the wheel carries beside them
    pip = tmp_path / "stand-ins" / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(_PIP)
    script = installed / "stepherd" / "sam_application" / "layer" / "build.py"
    _python(pip.parent, str(script), str(tmp_path / "layer"))
    layer = tmp_path / "layer" / "stepherd"
    assert (layer / "errors.py").read_bytes() == (clone / "src/stepherd/errors.py").read_bytes()
    assert not (layer / "sam_application").exists()


def _python(path: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
