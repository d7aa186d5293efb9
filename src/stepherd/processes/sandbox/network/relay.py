"""Copying between two connections until both have said all."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final

__all__ = ["relay"]

_CHUNK: Final = 65_536


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what each side sends until both directions have ended. The sockets stay to be closed."""
    for end in (one, other):
        if end.family != socket.AF_UNIX:
            # Pass each piece on at once: none may wait for the other side's acknowledgement.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    back = threading.Thread(target=_copy, args=(other, one), daemon=True, name="relay")
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    except OSError:
        # One side is broken: the other has no one to speak to any more.
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
