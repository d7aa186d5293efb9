"""A filter of system calls for a sandbox whose network is limited: sockets of no other family than the usual.

A network namespace does not hold all of them. AF_VSOCK leads from a virtual machine to its host and to what
listens on the machine itself, and others to devices. io_uring makes sockets that no filter sees, so it is not
there; programs do without it on every kernel that has none.
"""

from __future__ import annotations

import struct
import sys
from typing import Final

__all__ = ["filter_of_families"]

_FAMILIES: Final = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""
_SOCKET_AND_ABSENT: Final = {
    0xC000003E: (41, (425,)),  # x86_64
    0x40000003: (359, (102, 425)),  # i386, whose socketcall(2) has its arguments where no filter can look
    0xC00000B7: (198, (425,)),  # aarch64
    0x40000028: (281, (425,)),  # arm
    0xC00000F3: (198, (425,)),  # riscv64
    0xC0000102: (198, (425,)),  # loongarch64
    0xC0000015: (326, (102, 425)),  # ppc64le
}
"""By AUDIT_ARCH: the number of socket(2), and those of calls that are answered as if they were not there."""
_X86_64, _X32 = 0xC000003E, 0x40000000
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16 if sys.byteorder == "little" else 20
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_ENOSYS, _EAFNOSUPPORT = 38, 97


def filter_of_families() -> bytes:
    """The program, as bubblewrap's --seccomp takes it (seccomp(2), struct sock_filter)."""
    program = b""
    for architecture, (number, absent) in _SOCKET_AND_ABSENT.items():
        body = _load(_NUMBER)
        if architecture == _X86_64:
            body += _when(_AT_LEAST, _X32, _ERRNO | _ENOSYS)
        for each in absent:
            body += _when(_EQUAL, each, _ERRNO | _ENOSYS)
        body += _unless(number, _ALLOW) + _load(_FIRST)
        for family in _FAMILIES:
            body += _when(_EQUAL, family, _ALLOW)
        body += _step(_RETURN, _ERRNO | _EAFNOSUPPORT)
        program += _load(_ARCHITECTURE) + _step(_EQUAL, architecture, 0, len(body) // 8) + body
    return program + _step(_RETURN, _ALLOW)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _when(test: int, value: int, answer: int) -> bytes:
    return _step(test, value, 0, 1) + _step(_RETURN, answer)


def _unless(value: int, answer: int) -> bytes:
    return _step(_EQUAL, value, 1, 0) + _step(_RETURN, answer)
