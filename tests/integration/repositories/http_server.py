"""git http-backend behind a small HTTP server on loopback, with faults on request."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

Answer = tuple[int, dict[str, str], bytes]
Action = Literal["500", "403", "401", "hang", "cut", "redirect", "lose the answer", "reject token", "say"]


@dataclass
class Fault:
    """A fault of requests whose path and query contain ``part``, ``times`` times."""

    part: str
    action: Action
    times: int = 1
    larger_than: int = 0  # bytes of the answer; smaller ones are let through
    location: str = ""
    status: int = 200
    said: str = ""
    """With the action "say": a text for people, or, with status 200, a refusal in git's own protocol."""


@dataclass
class GitServer:
    """A server of the repositories below ``root``. ``token`` None: everyone may read and write."""

    root: Path
    token: str | None = None
    username: str = "x-access-token"
    protocol_v2: bool = True
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    port: int = 0
    meeting: threading.Barrier | None = None
    """Where the first requests (``info/refs``) of as many clients wait for each other."""
    stopping: threading.Event = field(default_factory=threading.Event)
    lfs: Callable[[str, str, Message, bytes], Answer] | None = None
    """Answers what is below a repository's info/lfs: method, path, headers, body."""

    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def next_fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.part in path:
                fault.times -= 1
                return fault
        return None

    def admits(self, authorization: str | None) -> bool:
        if self.token is None:
            return True
        expected = base64.b64encode(f"{self.username}:{self.token}".encode()).decode()
        return authorization == f"Basic {expected}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def do_PUT(self) -> None:
        self._serve(self._body())

    def log_message(self, format: str, *args: object) -> None:
        return

    def _serve(self, body: bytes) -> None:
        git_server = self.server.git_server
        authorization = self.headers.get("Authorization")
        git_server.requests.append((self.command, self.path, authorization))
        if git_server.meeting is not None and "/info/refs?" in self.path:
            git_server.meeting.wait(30)
        fault = git_server.next_fault(self.path)
        if fault is not None and fault.action in {"500", "403", "401"}:
            return self._answer(int(fault.action), {}, b"no\n")
        if fault is not None and fault.action == "say":
            return self._say(fault)
        if fault is not None and fault.action == "redirect":
            return self._answer(301, {"Location": fault.location}, b"")
        if fault is not None and fault.action == "hang":
            git_server.stopping.wait(60)
            self.close_connection = True
            return None
        # An upload may be allowed by what the batch API has answered.
        if not git_server.admits(authorization) and not self._is_for_lfs_alone():
            return self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?\n")
        if git_server.lfs is not None and "/info/lfs/" in self.path:
            return self._answer(*git_server.lfs(self.command, self.path, self.headers, body))
        status, headers, content = self._backend(body)
        if fault is not None and len(content) <= fault.larger_than:
            fault.times += 1
            fault = None
        if fault is not None and fault.action == "cut":
            return self._answer(status, headers, content, cut=True)
        if fault is not None and fault.action == "lose the answer":
            self.close_connection = True
            return None
        return self._answer(status, headers, content)

    def _is_for_lfs_alone(self) -> bool:
        return "/info/lfs/" in self.path and not self.path.endswith("/objects/batch")

    def _say(self, fault: Fault) -> None:
        if fault.status != 200:
            return self._answer(fault.status, {"Content-Type": "text/plain"}, fault.said.encode())
        service = self.path.rpartition("/")[2]
        line = f"ERR {fault.said}"
        kind = {"Content-Type": f"application/x-{service}-result"}
        return self._answer(200, kind, f"{len(line) + 4:04x}{line}".encode())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces: list[bytes] = []
        while size := int(self.rfile.readline().strip(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _backend(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_PROJECT_ROOT": str(self.server.git_server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.server.config),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "REMOTE_USER": "someone",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.server.git_server.protocol_v2:
            environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol") or ""
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _answer(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if cut:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, git_server: GitServer, config: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.git_server = git_server
        self.config = config

    def handle_error(self, request: object, client_address: object) -> None:
        return  # a client that was killed in the middle is part of the tests


@contextmanager
def serve(
    root: Path, token: str | None = None, *, protocol_v2: bool = True, tls: ssl.SSLContext | None = None
) -> Iterator[GitServer]:
    """Serve the repositories below ``root`` until the block ends, over https with ``tls``."""
    config = root / "server-gitconfig"
    config.write_text("[http]\n\treceivepack = true\n[safe]\n\tdirectory = *\n", encoding="utf-8")
    git_server = GitServer(root, token, protocol_v2=protocol_v2)
    server = _Server(git_server, config)
    git_server.port = server.server_address[1]
    if tls is not None:
        git_server.scheme = "https"
        # The handshake is the handler's thread's: a client that never speaks holds up no other.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield git_server
    finally:
        git_server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
