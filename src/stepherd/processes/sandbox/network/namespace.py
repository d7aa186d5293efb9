"""Listening inside the network of a sandbox from outside it.

The supervisor stays where it is: a fork of it, which has one thread and so may enter a user namespace
(setns(2)), binds the sockets there and hands them back (SCM_RIGHTS). Nothing of Stepherd runs inside.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
from collections.abc import Sequence
from typing import Final, NoReturn

from stepherd.processes.sandbox.limits import fork_quietly

__all__ = ["listen_inside"]

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_NS_GET_USERNS: Final = 0xB701
# Addresses that the sandbox's loopback interface does not have yet, when it is still being set up.
_FREEBIND: Final = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
_BACKLOG: Final = 128
_MOST: Final = 32


def listen_inside(process: int, addresses: Sequence[tuple[str, int]]) -> list[socket.socket]:
    """Sockets that listen at ``addresses``, of loopback, in the network of ``process``; in the same order.

    The process must be alive, and in a user namespace that this one's user made. Raises OSError.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.setns.argtypes = (ctypes.c_int, ctypes.c_int)
    ours, theirs = socket.socketpair()
    network = os.open(f"/proc/{process}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # That which owns the network: bubblewrap continues into another one of its own.
        user = fcntl.ioctl(network, _NS_GET_USERNS)
        try:
            child = fork_quietly()
            if child == 0:
                _in_the_fork(library, (user, network), addresses, theirs)
        finally:
            os.close(user)
    finally:
        os.close(network)
        theirs.close()
    with ours:
        message, handles, *_ = socket.recv_fds(ours, 64, _MOST)
        os.waitpid(child, 0)
    if len(handles) != len(addresses):
        code = int(message or errno.EIO)
        raise OSError(code, f"The network of the sandbox cannot be prepared: {os.strerror(code)}")
    return [socket.socket(fileno=handle) for handle in handles]


def _in_the_fork(
    library: ctypes.CDLL,
    namespaces: tuple[int, int],
    addresses: Sequence[tuple[str, int]],
    answer: socket.socket,
) -> NoReturn:
    try:
        for namespace, kind in zip(namespaces, (_CLONE_NEWUSER, _CLONE_NEWNET), strict=True):
            if library.setns(namespace, kind) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        listening = [_listen(host, port) for host, port in addresses]
        socket.send_fds(answer, [b"0"], [each.fileno() for each in listening])
    except OSError as error:
        answer.send(b"%d" % (error.errno or errno.EIO))
    finally:
        os._exit(0)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(*_FREEBIND[family], 1)
    listening.bind((host, port))
    listening.listen(_BACKLOG)
    return listening
