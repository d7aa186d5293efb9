"""Makes the layer: ``python layer/build.py FOLDER [--native]`` puts Stepherd and what functions import there.

``sam build`` runs it by the Makefile beside it, and ``stepherd init`` by itself, so both deploy the same. It
needs pip and nothing else. The packages are for Lambda's platform, whatever this machine is; with --native
for this interpreter, for tests and benchmarks.

It is compiled, too, where a Python of Lambda's version is at hand (LAMBDA_PYTHON, this one, or python3.13 on
PATH): Lambda cannot write to a layer, so without bytecode it compiles at each cold start, in twice the time.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# As the parameter Architecture of the template says it; `stepherd init` sets it, `sam build` does not.
MACHINES = {"ARM64": "aarch64", "X86_64": "x86_64"}
MACHINE = MACHINES[os.environ.get("LAMBDA_ARCHITECTURE", "ARM64")]
LAMBDA = ("--platform", f"manylinux2014_{MACHINE}", "--implementation", "cp", "--python-version", "3.13")
# Every package by version and hash, and none that is built here: what builds it would have no hash.
LOCKED = (
    "--require-hashes",
    "--no-deps",
    "--only-binary=:all:",
    "--requirement",
    str(HERE / "requirements.lock"),
)


def build(target: Path, platform: tuple[str, ...]) -> None:
    """Fill ``target``. Raises CalledProcessError when pip cannot; it has said why."""
    pip = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-compile", "--target", str(target), *platform]
    subprocess.run([*pip, *LOCKED], check=True)
    unwanted = shutil.ignore_patterns("__pycache__", "*.py[co]", "sam_application")
    shutil.copytree(package(), target / "stepherd", ignore=unwanted, dirs_exist_ok=True)
    for folder in [*target.rglob("__pycache__"), target / "bin"]:
        shutil.rmtree(folder, ignore_errors=True)


def compile_for(python: str, target: Path) -> None:
    """Bytecode without dates, which files lose on the way; what cannot be compiled stays as it is."""
    how = ("--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/opt/python")
    subprocess.run([python, "-P", "-m", "compileall", "-q", *how, str(target)], check=False)


def python_of_lambda() -> str | None:
    """A Python whose bytecode Lambda's takes: of the same minor version, on whatever platform."""
    given = os.environ.get("LAMBDA_PYTHON")
    for candidate in [given] if given else [sys.executable, "python3.13"]:
        code = "import sys; sys.exit(sys.version_info[:2] != (3, 13))"
        try:
            done = subprocess.run([candidate, "-c", code], check=False, capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    return None


def package() -> Path:
    """Stepherd's own code: of the checkout, or of the installation that carries this file."""
    source = HERE.parent / "src" / "stepherd"
    return source if source.is_dir() else HERE.parents[1]


def main(folder: str, *options: str) -> None:
    """Build and compile; says on standard error when nothing here compiles for Lambda."""
    target, native = Path(folder), "--native" in options
    build(target, () if native else LAMBDA)
    python = sys.executable if native else python_of_lambda()
    if python:
        compile_for(python, target)
    else:
        sys.stderr.write("layer: no python3.13 here compiles for Lambda: functions start more slowly\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
