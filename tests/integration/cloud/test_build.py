"""``sam build`` in a clean clone, and whether what it makes holds what the functions import."""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cloud.closure import FUNCTIONS, Closure
from tests.integration.cloud.project import native_layer, run

_MEGABYTE = 1_000_000
_AARCH64 = 183
_UNCHECKED = 1
"""Of PEP 552: a hash instead of a date, and not compared."""
# Lambda's Python 3.13 brings boto3 with what it needs. Of these two, functions may not bring another version.
_OF_LAMBDA = {"boto3", "botocore"}
_WITH_BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

_IMPORT_ALL = """
import importlib, importlib.util, json, runpy, sys
places, modules, foreign, functions = json.loads(sys.stdin.read())
sys.path[:0] = places
assert not [path for path in sys.path if "site-packages" in path], sys.path
absent = [name for name in foreign if importlib.util.find_spec(name) is None]
for name in modules:
    importlib.import_module(name)
handlers = [runpy.run_path(path)["handler"] for path in functions]
print(json.dumps([absent, [callable(handler) for handler in handlers]]))
"""


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_clean_clone_builds_small_for_lambdas_platform_with_all_that_functions_import(
    require: Callable[[str], str], project: Path
) -> None:
    run([require("sam"), "build"], project)
    built = project / ".aws-sam" / "build"
    layer = built / "SharedLayer" / "python"
    folders = _function_folders(built / "template.yaml")

    assert sorted(folder.name for folder in folders) == list(FUNCTIONS)
    assert max(_size(folder) for folder in folders) + _size(layer) < 50 * _MEGABYTE
    assert [path for folder in folders for path in folder.rglob("__pycache__")] == []
    assert {path.suffixes[0] for path in layer.rglob("*.pyc")} <= {".cpython-313"}
    assert [name for name in _OF_LAMBDA if (layer / name).exists()] == []
    assert [name for name in Closure.of_functions().foreign - _OF_LAMBDA if not _holds(layer, name)] == []
    libraries = sorted(layer.rglob("*.so*"))
    assert {library.relative_to(layer).parts[0] for library in libraries} == {
        "bcrypt",
        "rpds",
        "wrapt",
        "yaml",
    }
    for library in libraries:
        assert _machine(library) == _AARCH64, library
        assert library.name.endswith((".cpython-313-aarch64-linux-gnu.so", ".abi3.so")), library


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_handler_and_every_module_behind_it_is_imported_from_the_layer_and_lambdas_runtime_alone(
    project: Path, tmp_path: Path
) -> None:
    layer = native_layer(project, tmp_path / "layer", sys.executable)
    lambdas = tmp_path / "lambdas"
    lambdas.mkdir()
    for name in _WITH_BOTO3:
        origin = Path(str(getattr(importlib.util.find_spec(name), "origin", None)))
        origin = origin.parent if origin.name == "__init__.py" else origin
        (lambdas / origin.name).symlink_to(origin)
    closure = Closure.of_functions()
    functions = [str(project / "functions" / name / "app.py") for name in FUNCTIONS]
    given = [[str(layer), str(lambdas)], sorted(closure.modules), sorted(closure.foreign), functions]

    # Isolated and without site: no environment's packages, none of the checkout.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", _IMPORT_ALL],
        env={"AWS_DEFAULT_REGION": "us-east-1"}, input=json.dumps(given),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    absent, handlers = json.loads(done.stdout)
    assert absent == []
    assert handlers == [True] * len(FUNCTIONS)


@pytest.mark.exhaustive
def test_the_layer_is_compiled_as_lambda_can_use_it(project: Path, tmp_path: Path) -> None:
    """Whatever dates its files get: Lambda cannot write what it compiles, and would do it at each start."""
    layer = native_layer(project, tmp_path / "layer", sys.executable)
    compiled = sorted(layer.rglob("*.pyc"))
    sources = [path for path in layer.rglob("*.py") if "tests" not in path.parts]
    assert len(compiled) >= len(sources) > 500
    for path in compiled:
        magic, flags = struct.unpack_from("<4sI", path.read_bytes()[:8])
        assert (magic, flags) == (importlib.util.MAGIC_NUMBER, _UNCHECKED), path
    code = (layer / "stepherd" / "__pycache__").glob("errors.*.pyc")
    assert marshal.loads(next(code).read_bytes()[16:]).co_filename == "/opt/python/stepherd/errors.py"


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["no-such-python", sys.executable])
def test_without_lambdas_python_the_layer_is_built_uncompiled_and_says_so(
    project: Path, tmp_path: Path, compiler: str
) -> None:
    if compiler == sys.executable and sys.version_info[:2] == (3, 13):
        pytest.skip("this is Lambda's Python")
    command = ["make", "-f", "layer/Makefile", "build-SharedLayer", f"PYTHON={sys.executable}"]
    done = subprocess.run(
        [*command, f"ARTIFACTS_DIR={tmp_path}"],
        env={**os.environ, "LAMBDA_PYTHON": compiler}, cwd=project,
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "functions start more slowly" in done.stderr
    assert list(tmp_path.rglob("*.pyc")) == []


def test_no_function_can_load_the_engine_the_command_line_or_what_is_not_in_the_layer() -> None:
    closure = Closure.of_functions()
    required = (Path(__file__).parents[3] / "layer" / "requirements.txt").read_text()
    known = {"yaml": "pyyaml", "aws_lambda_powertools": "aws-lambda-powertools"}
    assert [name for name in closure.foreign - _OF_LAMBDA if known.get(name, name) not in required] == []
    parts = {module.split(".")[1] for module in closure.modules if "." in module}
    assert parts.isdisjoint({"engine", "cli", "steps", "container"})


def _function_folders(template: Path) -> list[Path]:
    from cfnlint.decode.cfn_yaml import load

    resources: dict[str, Any] = load(str(template))["Resources"]
    return [
        (template.parent / resource["Properties"]["CodeUri"]).resolve()
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _holds(layer: Path, name: str) -> bool:
    return (layer / name / "__init__.py").exists() or (layer / f"{name}.py").exists()


def _machine(library: Path) -> int:
    """``e_machine`` of an ELF header, little-endian, as aarch64 on Linux has it."""
    head = library.read_bytes()[:20]
    assert head[:4] == b"\x7fELF"
    machine: int = struct.unpack_from("<H", head, 18)[0]
    return machine
