"""The image, built here without a Docker engine, and podman to run it: no network but loopback."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.place import Done, Place

ROOT = Path(__file__).parents[3]
_BASE = re.findall("^ARG BASE_IMAGE=(.+)$", (ROOT / "container" / "Dockerfile").read_text(), re.M)[0]
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

    def podman(
        self, *words: str, check: bool = True, seconds: float = 90
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["podman", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"podman {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.podman("container", "inspect", container).stdout)[0]
        return found

    def containers(self, *filters: str) -> list[str]:
        words = [word for text in filters for word in ("--filter", text)]
        return self.podman("ps", "--all", "--format", "{{.Names}}", *words).stdout.split()


@pytest.fixture(scope="session")
def images(require: Callable[[str], str]) -> Images:
    """Both targets, built from this checkout; what did not change since the last build is taken from it."""
    for program in ("buildah", "podman", "runc", "mmdebstrap"):
        require(program)
    if os.geteuid() != 0:
        pytest.skip("building an image without a Docker engine needs root here")
    return _built()


@cache
def _built() -> Images:
    """Built once, also for tests in other folders that ask for the same fixture."""
    folder = Path(tempfile.mkdtemp(prefix="containers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "containers.conf").write_text(_CONTAINERS_CONF)
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "BASE_IMAGE": _BASE,
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
    found = subprocess.run(
        ["buildah", "inspect", "--type", "image", _BASE], env=environment, capture_output=True
    )
    if found.returncode != 0:
        yield ["container/base-image.sh", _BASE]
    yield ["container/build.sh", "--pull-never"]


@dataclass(frozen=True)
class Site:
    """A place whose runs are in containers, and a remote for them."""

    place: Place
    images: Images

    def run(self, command: str, *more: str, name: str = "run_1") -> Done:
        """``stepherd run --runner podman`` to its end."""
        return self.place.run(command, *self.options, *more, name=name)

    @property
    def options(self) -> tuple[str, ...]:
        """Both tasks in the agent's image: it has all that git's has."""
        return ("--runner", "podman", "--image", self.images.agent)

    def container_of(self, name: str, seconds: float = 60) -> str:
        """The running container of that name in a task's definition, as soon as there is one."""
        deadline = time.monotonic() + seconds
        while not (found := [n for n in self.images.containers("status=running") if n.endswith(f".{name}")]):
            assert time.monotonic() < deadline, "no such container came"
            time.sleep(0.1)  # Nothing tells when podman has one more.
        return found[0]

    def said(self, words: str, seconds: float = 60) -> None:
        """Wait until a task has written ``words``."""
        deadline = time.monotonic() + seconds
        while not any(words in log.read_text() for log in self.place.home.glob("tasks/*/*/log")):
            assert time.monotonic() < deadline, f"nobody said {words!r}"
            time.sleep(0.05)  # Files do not tell when they grow.


@pytest.fixture
def site(images: Images, tmp_path: Path) -> Iterator[Site]:
    """Afterwards no container may be left that bears the name of one of its tasks."""
    with Place.at(tmp_path) as place:
        place.environment.update(
            {name: images.environment[name] for name in ("CONTAINERS_CONF",)} | {"PATH": _path(place)}
        )
        made = Site(place, images)
        try:
            yield made
            assert [name for name in images.containers() if name.startswith("stepherd-")] == []
        finally:
            for name in images.containers("name=^stepherd-"):
                images.podman("rm", "--force", "--volumes", name)


def _path(place: Place) -> str:
    return f"{place.environment['PATH']}:/usr/sbin:/sbin"
