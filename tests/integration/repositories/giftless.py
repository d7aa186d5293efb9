"""giftless, a Git LFS server of its own, behind the git server of the tests."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Answer

_PYTHON = Path(__file__).parents[3] / ".tools" / "giftless" / "bin" / "python"
_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
from giftless.app import init_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, init_app(), threaded=True)
print("port", server.port, flush=True)
server.serve_forever()
"""
_SETTINGS = """
LEGACY_ENDPOINTS: false
AUTH_PROVIDERS: ["giftless.auth.allow_anon:read_write"]
TRANSFER_ADAPTERS:
  basic:
    options: {storage_options: {path: contents}}
"""


@contextmanager
def giftless(folder: Path) -> Iterator[tuple[int, Path]]:
    """A server, by its port, and the folder in which it keeps contents."""
    if not _PYTHON.exists():
        if os.environ.get("STEPHERD_REQUIRE_ALL") == "1":
            pytest.fail("giftless is missing (make tools), and STEPHERD_REQUIRE_ALL=1 is set")
        pytest.skip("giftless is not installed: make tools")
    folder.mkdir()
    (folder / "giftless.yaml").write_text(_SETTINGS, encoding="utf-8")
    environment = {"PATH": os.defpath, "GIFTLESS_CONFIG_FILE": "giftless.yaml"}
    server = subprocess.Popen(
        [str(_PYTHON), "-c", _PROGRAM],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        port = re.fullmatch(r"port (\d+)\n", said)
        assert port is not None, said
        yield int(port[1]), folder / "contents"
    finally:
        server.terminate()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def passed_on(port: int, method: str, path: str, headers: Message, body: bytes) -> Answer:
    """The answer of the server at ``port``; it takes the git server for itself, by the header Host."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    given = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    if given.get("Authorization", "").startswith("Basic "):
        del given["Authorization"]  # The git server has looked at it.
    try:
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        kept = {"Content-Type": answer.headers.get("Content-Type", "application/octet-stream")}
        return answer.status, kept, answer.read()
    finally:
        connection.close()
