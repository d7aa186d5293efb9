"""The port of the endpoint, which other users of the machine may want as well."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from stepherd.engine.api.http import LoopbackServer


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    made = LoopbackServer()
    yield made
    made.give_up()


def _listen(port: int, kind: type[socket.socket] = socket.socket) -> socket.socket:
    other = kind()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        other.bind(("127.0.0.1", port))
        other.listen()
    except OSError:
        other.close()
        raise
    return other


def test_nobody_else_can_listen_on_its_port_before_it_serves(server: LoopbackServer) -> None:
    with pytest.raises(OSError, match=r".") as refusal:
        _listen(int(server.address.rpartition(":")[2]))
    assert refusal.value.errno == errno.EADDRINUSE


def test_another_port_is_taken_where_somebody_was_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    quicker: list[socket.socket] = []

    class Slow(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            super().bind(address)
            if not quicker:
                quicker.append(_listen(self.getsockname()[1]))

    monkeypatch.setattr("stepherd.engine.api.http.socket.socket", Slow)
    server = LoopbackServer()
    assert server.address != f"127.0.0.1:{quicker[0].getsockname()[1]}"
    quicker[0].close()
    server.give_up()


def test_a_port_that_was_asked_for_is_that_one_or_none(server: LoopbackServer) -> None:
    with pytest.raises(OSError, match=r"."):
        LoopbackServer(int(server.address.rpartition(":")[2]))
