"""Ministack, an emulator that is not ours, as a process on a loopback port of its own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SECONDS_TO_START = 30


@dataclass(frozen=True)
class Emulator:
    """Where it listens."""

    port: int

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which an AWS client reaches it alone. 'sam' wants the name, not the number."""
        return {
            "AWS_ENDPOINT_URL": f"http://localhost:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self, service: str) -> Any:
        """Boto3's client of it."""
        return _client(service, self.environment["AWS_ENDPOINT_URL"])

    def call(
        self, method: str, path: str, host: str = "", body: str | None = None, **headers: str
    ) -> tuple[int, str]:
        """Status and body of one HTTP call; ``host`` is the name that API Gateway would have."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        host = f"{host}:{self.port}" if host else f"127.0.0.1:{self.port}"
        try:
            connection.request(method, path, body=body, headers={"Host": host, **headers})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@contextmanager
def running(program: str, folder: Path) -> Iterator[Emulator]:
    """Starts it with nothing of the user's, and ends it with all that it has started."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "STATE_DIR": str(folder),
        "LC_ALL": "C.UTF-8", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port),
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    emulator = Emulator(port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or _answers(emulator), _SECONDS_TO_START)
        assert process.poll() is None, (folder / "log").read_text()
        yield emulator
    finally:
        _end(process)


@cache
def _client(service: str, address: str) -> Any:
    """Made once: to read a service's model takes a quarter of a second."""
    import boto3

    return boto3.Session("test", "test", region_name="us-east-1").client(service, endpoint_url=address)


def until(holds: Callable[[], object], seconds: float) -> None:
    """Asks again and again; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _answers(emulator: Emulator) -> bool:
    try:
        return emulator.call("GET", "/_ministack/health")[0] == 200
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and the workers of its functions, a process group of its own. It holds nothing worth a wait."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
