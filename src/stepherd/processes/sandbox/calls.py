"""A filter of system calls for sandboxes: none for the kernel's keys, and where the network is limited,
sockets of no other family than the usual.

Keys are guarded by user alone, which a user namespace does not change: in a sandbox the keyring of the person
could be read like the own one (keyrings(7), "Access rights"), though its processes cannot be seen.

A network namespace does not hold all families. AF_VSOCK leads from a virtual machine to its host and to what
listens on the machine itself, and others to devices. io_uring makes sockets that no filter sees, so it is not
there; programs do without both on every kernel that has none.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from typing import Final

__all__ = ["filter_of_calls"]

_FAMILIES: Final = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""
_IO_URING: Final = 425


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Of calls on a machine: socket(2), the first of add_key, request_key and keyctl, and socketcall(2) where
    there is one, which has its arguments where no filter can look."""

    socket: int
    keys: int
    socketcall: tuple[int, ...] = ()


_MACHINES: Final = {
    0xC000003E: _Numbers(41, 248),  # x86_64
    0x40000003: _Numbers(359, 286, (102,)),  # i386
    0xC00000B7: _Numbers(198, 217),  # aarch64
    0x40000028: _Numbers(281, 309),  # arm
    0xC00000F3: _Numbers(198, 217),  # riscv64
    0xC0000102: _Numbers(198, 217),  # loongarch64
    0xC0000015: _Numbers(326, 269, (102,)),  # ppc64le
    0x80000016: _Numbers(359, 278, (102,)),  # s390x
    0x00000016: _Numbers(359, 278, (102,)),  # s390
}
"""Numbers of system calls, by AUDIT_ARCH value."""
_X86_64, _X32 = 0xC000003E, 0x40000000
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16 if sys.byteorder == "little" else 20
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_ENOSYS, _EAFNOSUPPORT = 38, 97


def filter_of_calls(*, limited: bool) -> bytes:
    """The filter program, as bubblewrap's --seccomp takes it (seccomp(2), struct sock_filter).

    ``limited``: whether the network is. A refused call fails as if the kernel did not have it.
    """
    program = b""
    for architecture, numbers in _MACHINES.items():
        body = _body(numbers, limited=limited, has_x32=architecture == _X86_64)
        program += _load(_ARCHITECTURE) + _step(_EQUAL, architecture, 0, len(body) // 8) + body
    return program + _step(_RETURN, _ALLOW)


def _body(numbers: _Numbers, *, limited: bool, has_x32: bool) -> bytes:
    absent = [*range(numbers.keys, numbers.keys + 3), *((_IO_URING, *numbers.socketcall) if limited else ())]
    body = _load(_NUMBER)
    if has_x32:
        body += _when(_AT_LEAST, _X32, _ERRNO | _ENOSYS)
    for each in absent:
        body += _when(_EQUAL, each, _ERRNO | _ENOSYS)
    if not limited:
        return body + _step(_RETURN, _ALLOW)
    body += _unless(numbers.socket, _ALLOW) + _load(_FIRST)
    for family in _FAMILIES:
        body += _when(_EQUAL, family, _ALLOW)
    return body + _step(_RETURN, _ERRNO | _EAFNOSUPPORT)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _when(test: int, value: int, answer: int) -> bytes:
    return _step(test, value, 0, 1) + _step(_RETURN, answer)


def _unless(value: int, answer: int) -> bytes:
    return _step(_EQUAL, value, 1, 0) + _step(_RETURN, answer)
