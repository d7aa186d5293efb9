"""The image, built here without a Docker engine, and podman to run it: no network but loopback."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.place import Place
from tests.integration.repositories.origin import git

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/hello"
_BASE = "debian:trixie-slim"
_CONTAINERS_CONF = """[containers]
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@dataclass(frozen=True)
class Images:
    """The built targets, and the environment in which podman runs them."""

    environment: dict[str, str]
    git: str = "localhost/stepherd/git:test"
    agent: str = "localhost/stepherd/agent:test"

    def podman(self, *words: str, check: bool = True, seconds: float = 90) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["podman", *words], env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert not check or done.returncode == 0, f"podman {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.podman("container", "inspect", container).stdout)[0]
        return found

    def containers(self, *filters: str) -> list[str]:
        words = [word for text in filters for word in ("--filter", text)]
        return self.podman("ps", "--all", "--format", "{{.Names}}", *words).stdout.split()


@pytest.fixture(scope="session")
def images(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Both targets, built from this checkout; what did not change since the last build is taken from it."""
    for program in ("buildah", "podman", "runc", "mmdebstrap"):
        require(program)
    if os.geteuid() != 0:
        pytest.skip("building an image without a Docker engine needs root here")
    folder = tmp_path_factory.mktemp("containers")
    (folder / "containers.conf").write_text(_CONTAINERS_CONF)
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "BUILDER": "buildah",
        "BUILDAH_ISOLATION": "chroot",
        "TAG": "test",
    }
    for command in _build(environment):
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Images(environment)


def _build(environment: dict[str, str]) -> Iterator[list[str]]:
    found = subprocess.run(["buildah", "inspect", "--type", "image", _BASE], env=environment, capture_output=True)
    if found.returncode != 0:
        yield ["container/base-image.sh", _BASE]
    yield ["container/build.sh", "--pull-never"]


@dataclass(frozen=True)
class Site:
    """A place whose runs are in containers, and a remote for them."""

    place: Place
    images: Images

    @property
    def remote(self) -> Path:
        return self.place.root / "origin.git"

    def run_words(self, script: str, *more: str) -> list[str]:
        """``stepherd run`` with an agent that is a shell script."""
        instructions = self.place.root / "instructions.md"
        instructions.write_text("# Write a file\n")
        program = json.dumps(script)
        return [
            "run", "--runner", "podman", "--image", self.images.agent, "--repo", str(self.remote),
            "--instructions", str(instructions), "--command", f"sh -c {program}", *more,
        ]  # fmt: skip


@pytest.fixture
def site(images: Images, tmp_path: Path) -> Iterator[Site]:
    """Afterwards no container may be left that bears the name of one of its tasks."""
    with Place.at(tmp_path) as place:
        place.environment.update(
            {name: images.environment[name] for name in ("CONTAINERS_CONF",)} | {"PATH": _path(place)}
        )
        work = tmp_path / "work"
        git(tmp_path, "init", "-q", "-b", "main", str(work))
        (work / "README.md").write_text("Hello.\n")
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "first")
        git(tmp_path, "clone", "-q", "--bare", str(work), str(tmp_path / "origin.git"))
        made = Site(place, images)
        try:
            yield made
            assert [name for name in images.containers() if name.startswith("stepherd-")] == []
        finally:
            for name in images.containers("name=^stepherd-"):
                images.podman("rm", "--force", "--volumes", name)


def _path(place: Place) -> str:
    return f"{place.environment['PATH']}:/usr/sbin:/sbin"
