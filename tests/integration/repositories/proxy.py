"""A proxy on loopback that takes CONNECT, and writes down every byte that it could read."""

from __future__ import annotations

import base64
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Proxy", "proxying"]


@dataclass
class Proxy:
    """Every name leads to ``target``, a port of this machine. ``login`` is "name:password", or nothing."""

    target: int
    login: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """The requests: method and address."""
    seen: bytearray = field(default_factory=bytearray)
    """All that went through it, either way."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        proxy = self.server.proxy
        proxy.asked.append(f"CONNECT {self.path}")
        expected = f"Basic {base64.b64encode(proxy.login.encode()).decode()}"
        if proxy.login and self.headers.get("Proxy-Authorization") != expected:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with socket.create_connection(("127.0.0.1", proxy.target), 10) as inner:
            self.send_response(200)
            self.end_headers()
            self._pass_on(inner)
        self.close_connection = True

    def do_GET(self) -> None:
        self.server.proxy.asked.append(f"GET {self.path}")
        self.server.proxy.seen += str(self.headers).encode()
        self.send_error(502)

    def _pass_on(self, inner: socket.socket) -> None:
        ways = {self.connection: inner, inner: self.connection}
        while True:
            for source in select.select(list(ways), [], [], 30)[0] or [None]:
                chunk = source.recv(1 << 16) if source is not None else b""
                if not chunk:
                    return
                self.server.proxy.seen += chunk
                ways[source].sendall(chunk)

    def log_message(self, format: str, *args: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        return


@contextmanager
def proxying(target: int, login: str = "") -> Iterator[Proxy]:
    """A proxy to a port of this machine, until the block ends."""
    proxy = Proxy(target, login)
    server = _Server(proxy)
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
