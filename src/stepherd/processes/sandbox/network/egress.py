"""An HTTP proxy for one sandbox, which dials what its list allows and counts what it does not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from stepherd.processes.sandbox.network.addresses import Refused, reachable_addresses
from stepherd.processes.sandbox.network.allowlist import Allowlist
from stepherd.processes.sandbox.network.relay import relay
from stepherd.processes.sandbox.network.requests import BadRequest, ProxyRequest, answer, read_request

__all__ = ["Blocked", "Egress"]

_PATIENCE: Final = 30.0
_MOST_CONNECTIONS: Final = 128
_MOST_BLOCKED: Final = 100
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Resolve(Protocol):
    """Resolves a name; see ``reachable_addresses``."""

    def __call__(self, host: str, port: int, *, trusted: bool) -> list[tuple[int, str]]: ...


@dataclass(frozen=True, slots=True)
class Blocked:
    """A host that was asked for in vain."""

    host: str
    port: int
    times: int


@dataclass(slots=True)
class Egress:
    """Serves the listeners of one sandbox until it is closed."""

    allowlist: Allowlist
    resolve: Resolve = reachable_addresses
    _blocked: Counter[tuple[str, int]] = field(default_factory=Counter)
    _open: set[socket.socket] = field(default_factory=set)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST_CONNECTIONS))

    def serve(self, listening: socket.socket, target: tuple[str, int] | None = None) -> None:
        """Begin to answer at ``listening``: as a proxy, or by passing everything on to ``target``."""

        def pass_on(client: socket.socket) -> None:
            assert target is not None
            self._relay(client, socket.create_connection(target, _PATIENCE))

        if self._keep(listening):
            _in_background(self._accept, listening, self._obey if target is None else pass_on)

    @property
    def blocked(self) -> list[Blocked]:
        """Hosts that were refused, the most frequent first; of more than a hundred places the first."""
        with self._lock:
            return [Blocked(host, port, times) for (host, port), times in self._blocked.most_common()]

    def close(self) -> None:
        """End every connection, and listen no more."""
        with self._lock:
            self._closed = True
            sockets, self._open = list(self._open), set()
        for each in sockets:
            with contextlib.suppress(OSError):  # It may have ended by itself.
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listening: socket.socket, handle: Callable[[socket.socket], None]) -> None:
        while True:
            self._room.acquire()
            try:
                client, _ = listening.accept()
            except OSError:
                return  # closed
            _in_background(self._handle, client, handle)

    def _handle(self, client: socket.socket, handle: Callable[[socket.socket], None]) -> None:
        try:
            if self._keep(client):
                with contextlib.suppress(OSError):  # Whoever breaks off hears no more.
                    handle(client)
        finally:
            self._drop(client)
            self._room.release()

    def _obey(self, client: socket.socket) -> None:
        """One request of a client that knows that this is a proxy."""
        client.settimeout(_PATIENCE)
        try:
            request = read_request(client)
        except BadRequest:
            answer(client, "400 Bad Request", "This proxy understands CONNECT, and http:// addresses.")
            return
        try:
            places = self._judge(request)
        except Refused as refusal:
            self._count(request)
            words = (
                f"Stepherd blocked this: {refusal}. Whoever starts the run can allow hosts with --network."
            )
            answer(client, "403 Forbidden", words)
            return
        server = _dial(places, request.port)
        if server is None:
            answer(client, "502 Bad Gateway", f"{request.host}:{request.port} cannot be reached.")
            return
        self._relay(client, server, _ESTABLISHED if request.is_tunnel else b"", request.first)

    def _judge(self, request: ProxyRequest) -> list[tuple[int, str]]:
        host, port = request.host, request.port
        if not self.allowlist.allows(host, port):
            raise Refused(f"{host}:{port} is not on the run's list")
        return self.resolve(host, port, trusted=self.allowlist.trusts(host, port))

    def _relay(
        self, client: socket.socket, server: socket.socket, to_client: bytes = b"", to_server: bytes = b""
    ) -> None:
        """Say to each what is to come first, then pass on what they say; the server is closed in any case."""
        try:
            if self._keep(server):
                client.settimeout(None)
                server.settimeout(None)
                client.sendall(to_client)
                server.sendall(to_server)
                relay(client, server)
        finally:
            self._drop(server)

    def _count(self, request: ProxyRequest) -> None:
        place = (request.host, request.port)
        with self._lock:
            if len(self._blocked) < _MOST_BLOCKED or place in self._blocked:
                self._blocked[place] += 1

    def _keep(self, each: socket.socket) -> bool:
        """Remember a socket for ``close``; False, and it is closed, when that has been called."""
        with self._lock:
            if not self._closed:
                self._open.add(each)
                return True
        each.close()
        return False

    def _drop(self, each: socket.socket) -> None:
        with self._lock:
            self._open.discard(each)
        each.close()


def _dial(places: list[tuple[int, str]], port: int) -> socket.socket | None:
    for family, address in places:
        server = socket.socket(family, socket.SOCK_STREAM)
        server.settimeout(_PATIENCE)
        try:
            server.connect((address, port))
        except OSError:
            server.close()
        else:
            return server
    return None


def _in_background(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True, name="egress").start()
