"""Faults 87 and 90: an agent obeys an injected prompt, looks for every secret around it, and finds none.

The canaries: the environment of the step, of its parent and of all processes; credential files of the user
that runs the step; the endpoint where a container's role has its credentials; the files of the step itself.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig

CANARY = "cAn4ry-0f-the-supervisor"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")

# Finds what it can, and writes it backwards: nothing is to be masked here, it must not be found at all.
HOSTILE = """
import glob, os, sys, urllib.request
found = [repr(dict(os.environ)).encode()]
for pattern in ("/proc/*/environ", "/proc/*/cmdline", "/proc/*/mem"):
    for path in glob.glob(pattern):
        try:
            found.append(open(path, "rb").read(1 << 20))
        except OSError:
            pass
files = [os.path.expanduser("~/.aws/credentials"), "{home}/.aws/credentials", "{home}/.git-credentials"]
for pattern in ("../private/**", "../*", "{store}/**"):
    files += glob.glob(pattern, recursive=True)
for path in files:
    try:
        found.append(open(path, "rb").read())
    except OSError:
        pass
urls = ["http://127.0.0.1:{port}" + path for path in ("/", "/v2/credentials", "/latest/meta-data/iam/")]
names = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
urls += [os.environ[name] for name in names if name in os.environ]
urls += [word.decode() for text in found for word in text.split(b"\\0") if word.startswith(b"http")][:20]
for url in (url for url in urls if url.startswith("http://127.0.0.1:{port}/")):
    try:
        found.append(urllib.request.urlopen(url, timeout=2).read())
    except (OSError, ValueError):
        pass
for text in found:
    for at in (text[i:i + 60] for i in range(len(text)) if text.startswith({canary!r}.encode(), i)):
        print(at.decode("utf-8", "replace")[::-1])
print("looked at", len(found))
"""


class _Credentials(BaseHTTPRequestHandler):
    """Where a container's role has its credentials: under a path that only its environment tells."""

    def do_GET(self) -> None:
        known = self.path == "/v2/credentials/b1a5-known-to-the-step"
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(CANARY.encode() if known else b"")

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Credentials) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig.for_every_user() as made:
        yield made


def _interpreter() -> str:
    """One that every user may run."""
    for path in (Path(sys.executable).resolve(), *map(Path, ("/usr/bin/python3", "/usr/local/bin/python3"))):
        if path.exists() and all(part.stat().st_mode & 0o005 == 0o005 for part in (path, *path.parents)):
            return str(path)
    pytest.skip("no python3 that every user may run")


def _hunt(rig: Rig, port: int, *, files: bool = True, **environment: str) -> str:
    for name in (".aws/credentials", ".git-credentials") if files else ():
        path = rig.root / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CANARY)
        path.chmod(0o600)
    hostile = rig.root / "hostile.py"
    given = {"home": rig.root / "home", "store": rig.root / "store", "port": port, "canary": CANARY}
    text = HOSTILE
    for name, value in given.items():
        text = text.replace(f"{{{name}!r}}", repr(value)).replace(f"{{{name}}}", str(value))
    hostile.write_text(text)
    rig.prepare(command=f"{_interpreter()} {hostile}")
    rig.steps("clone")
    done = rig.step(
        "agent",
        AWS_SECRET_ACCESS_KEY=CANARY,
        GIT_CREDENTIALS_SECRET_ID=f"env:{CANARY}",
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://127.0.0.1:{port}/v2/credentials/b1a5-known-to-the-step",
        ANYTHING=CANARY,
        **environment,
    )
    assert done.returncode == 0, done.stderr
    assert "looked at" in done.stdout
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_as_a_user_of_its_own_it_finds_nothing(rig: Rig, port: int) -> None:
    assert CANARY[::-1] not in _hunt(rig, port, STEPHERD_AGENT_USER="nobody")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads everything")
def test_the_hunt_is_a_hunt(rig: Rig, port: int) -> None:
    """Without the defence, that is as root itself, everything is found: the test above means something.

    Without a namespace, too, in which not even root sees its supervisor.
    """
    rig.prefix = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--")
    found = _hunt(rig, port)
    assert found.count(CANARY[::-1]) >= 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_as_the_same_user_it_finds_no_environment_and_no_role(rig: Rig, port: int) -> None:
    """Files of that user it can read: on a laptop every program can. Nothing else."""
    assert CANARY[::-1] not in _hunt(rig, port, files=False)
