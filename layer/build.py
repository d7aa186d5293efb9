"""Makes the layer: ``python layer/build.py FOLDER [--native]`` puts Stepherd and what functions import there.

``sam build`` runs it by the Makefile beside it, and ``stepherd init`` by itself, so both deploy the same. It
needs pip and nothing else. What it installs is for Lambda's platform, whatever this machine is; with --native
for this interpreter, for tests and benchmarks.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAMBDA = (
    *("--platform", "manylinux2014_aarch64", "--implementation", "cp", "--python-version", "3.13"),
    "--only-binary=:all:",
)
# Of its dependencies only wrapt: another botocore than Lambda's beside Lambda's boto3 would break both.
WITHOUT_DEPENDENCIES = ("aws-xray-sdk>=2.14,<3", "wrapt>=1.16,<3")


def build(target: Path, platform: tuple[str, ...]) -> None:
    """Fill ``target``. Raises CalledProcessError when pip cannot; it has said why."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    pip += ["--target", str(target), *platform]
    subprocess.run([*pip, "--requirement", str(HERE / "requirements.txt")], check=True)
    subprocess.run([*pip, "--no-deps", *WITHOUT_DEPENDENCIES], check=True)
    unwanted = shutil.ignore_patterns("__pycache__", "*.py[co]", "sam_application")
    shutil.copytree(package(), target / "stepherd", ignore=unwanted, dirs_exist_ok=True)
    for folder in [*target.rglob("__pycache__"), target / "bin"]:
        shutil.rmtree(folder, ignore_errors=True)


def package() -> Path:
    """Stepherd's own code: of the checkout, or of the installation that carries this file."""
    source = HERE.parent / "src" / "stepherd"
    return source if source.is_dir() else HERE.parents[1]


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]), () if "--native" in sys.argv[2:] else LAMBDA)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
