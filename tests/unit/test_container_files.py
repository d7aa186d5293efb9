"""The files that the image is built from are linted, and do not say where packages come from."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "container"
SCRIPTS = sorted(CONTAINER.glob("*.sh"))


def test_the_dockerfile_is_clean(require: Callable[[str], str]) -> None:
    words = [require("hadolint"), "--no-color", "--config", str(ROOT / ".hadolint.yaml")]
    done = subprocess.run(
        [*words, str(CONTAINER / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_plain_shell_and_stop_at_the_first_error(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    assert re.search(r"^set -eu$", script.read_text(), re.MULTILINE)
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    assert script.stat().st_mode & 0o111


def test_nothing_that_the_build_pulls_comes_from_docker_hub() -> None:
    """Docker Hub counts pulls without an account by address, and CodeBuild's addresses are shared."""
    text = (CONTAINER / "Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))
    named = set(re.findall(r"^FROM (\S+)|--from=(\S+)|^ARG BASE_IMAGE=(\S+)", text, re.MULTILINE))
    pulled = {name for names in named for name in names if name} - stages - {"${BASE_IMAGE}"}
    assert [name for name in pulled if not name.startswith("public.ecr.aws/docker/library/")] == []
    assert pulled
    # Other builders, frontends and emulators would be pulled, too.
    scripts = "".join(path.read_text() for path in [*SCRIPTS, CONTAINER / "buildspec.yml"])
    assert re.findall(r"docker-container|moby/buildkit|binfmt|docker (?:pull|run)", scripts) == []
    assert "syntax=" not in text


def test_no_index_of_packages_is_named() -> None:
    found = [
        path.name
        for path in CONTAINER.iterdir()
        if re.search(r"https?://|index-url +\S+\.\S+", path.read_text())
    ]
    assert found == []


def test_what_the_wheel_is_made_of_reaches_the_build() -> None:
    """.dockerignore leaves out everything else, so a new file of the wheel must be named there."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {path.split("/")[0] for path in (*wheel["packages"], *wheel["force-include"])}
    named = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert needed | {"pyproject.toml", project["project"]["readme"]} <= named
