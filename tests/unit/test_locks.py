"""The packages of image and layer: every one by version and hash, within the ranges of pyproject."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGE, BUILD, LAYER = (
    ROOT / name for name in ("container/requirements.lock", "container/build.lock", "layer/requirements.lock")
)
LOCKS = (IMAGE, BUILD, LAYER)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_PIN = re.compile(r"([a-z0-9-]+)==([0-9a-z.+!]+)(?: ; ([^\\]+?))?(?: \\)?")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
OF_LAMBDA = {"boto3", "botocore", "urllib3", "python-dateutil", "s3transfer", "six"}
"""Lambda's Python has them, and a second one beside them would break both."""


def _listed(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _pins(path: Path) -> dict[str, str]:
    return {found[1]: found[2] for line in path.read_text().splitlines() if (found := _PIN.fullmatch(line))}


def _wanted(path: Path) -> list[Requirement]:
    extra = PROJECT["project"]["optional-dependencies"]["aws"]
    lines = {
        IMAGE: [*PROJECT["project"]["dependencies"], *extra],
        BUILD: PROJECT["build-system"]["requires"],
        LAYER: [*_listed(ROOT / "layer/requirements.txt"), *_listed(ROOT / "layer/without-dependencies.txt")],
    }
    return [Requirement(line) for line in lines[path]]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_lock_is_versions_and_hashes_and_no_word_of_where_they_are_from(lock: Path) -> None:
    text = lock.read_text()
    unknown = [line for line in text.splitlines() if not (_PIN.fullmatch(line) or _HASH.fullmatch(line))]
    assert unknown == []
    for pin, hashes in re.findall(r"^(\S+==[^\n]*)\n((?:    --hash[^\n]*\n)*)", text, re.MULTILINE):
        assert hashes.count("--hash=sha256:") > 0, pin


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_lock_has_what_is_asked_for_within_its_range(lock: Path) -> None:
    pins = _pins(lock)
    outside = [
        f"{wanted} is {pins.get(canonicalize_name(wanted.name))}"
        for wanted in _wanted(lock)
        if not wanted.specifier.contains(pins.get(canonicalize_name(wanted.name), "0"))
    ]
    assert outside == [], "renew it with: make lock"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_lock_has_what_its_packages_need(lock: Path) -> None:
    """As far as they are installed here: nothing is resolved when they are, so nothing may be missing."""
    pins, missing = _pins(lock), []
    for name in pins:
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for need in map(Requirement, needs):
            here = need.marker is None or Marker(str(need.marker)).evaluate({"extra": ""})
            known = canonicalize_name(need.name) in pins
            if here and not known and not (lock == LAYER and canonicalize_name(need.name) in OF_LAMBDA):
                missing.append(f"{name} needs {need}")
    assert missing == []


def test_the_layer_has_nothing_that_lambda_has() -> None:
    assert _pins(LAYER).keys() & OF_LAMBDA == set()


def test_layer_and_image_share_their_versions() -> None:
    """So a function behaves on AWS as on a laptop, which has the image's packages."""
    image = _pins(IMAGE)
    assert {name for name, version in _pins(LAYER).items() if image.get(name, version) != version} == set()


def test_every_package_has_a_wheel_for_both_architectures() -> None:
    """As many hashes as a compiled package has files: for each Python and platform, not this machine's."""
    text = IMAGE.read_text()
    for name in ("rpds-py", "pyyaml", "zstandard", "simplejson"):
        (hashes,) = re.findall(rf"^{name}==[^\n]*\n((?:    --hash[^\n]*\n)*)", text, re.MULTILINE)
        assert hashes.count("--hash=") > 10, name


def test_nothing_is_installed_but_from_a_lock() -> None:
    dockerfile = (ROOT / "container/Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip\.sh --python [^&\n]*", dockerfile)
    assert len(installs) == 4
    for words in installs:
        assert "--require-hashes" in words or "--no-index" in words, words
        assert "--no-deps" in words, words
        assert "--only-binary=:all:" in words or "--no-index" in words, words


@pytest.mark.parametrize("hashes", [True, False])
def test_a_file_whose_hash_is_not_in_the_lock_is_not_installed_into_the_layer(
    tmp_path: Path, hashes: bool
) -> None:
    """pip itself is asked, with a package of the lock that is not the one that the lock knows."""
    version = _pins(LAYER)["attrs"]
    wheel = tmp_path / f"attrs-{version}-py3-none-any.whl"
    _planted(wheel, version)
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "build.py").write_text((ROOT / "layer/build.py").read_text())
    first = re.match(r"attrs==[^\n]*\n(?:    --hash[^\n]*\n)*", LAYER.read_text())
    assert first is not None
    (layer / "requirements.lock").write_text(first[0] if hashes else f"attrs=={version}\n")
    environment = {"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    environment |= {"PIP_CONFIG_FILE": "/dev/null", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(layer / "build.py"), str(tmp_path / "out"), "--native"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert ("DO NOT MATCH THE HASHES" if hashes else "Hashes are required") in done.stderr
    assert not (tmp_path / "out" / "planted.py").exists()


def _planted(wheel: Path, version: str) -> None:
    import zipfile

    about = f"attrs-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("planted.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: attrs\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


@pytest.mark.parametrize(
    ("base", "code"), [("", 64), ("debian:trixie-slim", 64), ("debian@sha256:" + "0" * 64, 0)]
)
def test_a_release_has_its_base_image_by_digest(tmp_path: Path, base: str, code: int) -> None:
    imager = tmp_path / "imager"
    imager.write_text('#!/bin/sh\necho "$@"\n')
    imager.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "BUILDER": "imager",
        "RELEASE": "1",
        "BASE_IMAGE": base,
    }
    command = ["container/build.sh"]
    lock = ROOT / "container/base-image.lock"
    if not base and lock.exists():
        code = 0
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    if code:
        assert "make lock" in done.stderr
    else:
        assert f"--build-arg BASE_IMAGE={base or lock.read_text().strip()}" in done.stdout
