"""Requests to a proxy (RFC 9112, 3.2.2 and 3.2.3)."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Final

__all__ = ["BadRequest", "ProxyRequest", "answer", "read_request"]

_LARGEST_HEAD: Final = 32_768
_LINE: Final = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,8192}) HTTP/1\.[01]")
_URL: Final = re.compile(r"http://([^/?#]*)([^#]*)")
_AUTHORITY: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_.-]{1,254}))(?::(\d{1,5}))?")
# Anything else could mean the end of a line to a server, or another name than it does here.
_FIELD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*")
_OF_THE_HOP: Final = (b"proxy-", b"connection:", b"keep-alive:", b"host:", b"upgrade:")


class BadRequest(Exception):
    """A request that cannot be understood."""


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A host in lower case and a port to dial, and what to say there first."""

    host: str
    port: int
    is_tunnel: bool
    first: bytes
    """For the server: of a tunnel what the client sent ahead, else the whole request in origin form."""


def read_request(client: socket.socket) -> ProxyRequest:
    """Read the head of a request. Raises BadRequest, and OSError when the client says nothing in time."""
    text = b""
    while b"\r\n\r\n" not in text:
        chunk = client.recv(8192)
        if not chunk or len(text) + len(chunk) > _LARGEST_HEAD:
            raise BadRequest
        text += chunk
    head, _, rest = text.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    found = _LINE.fullmatch(first)
    if found is None:
        raise BadRequest
    method, target = found[1], found[2].decode("ascii")
    if method == b"CONNECT":
        return ProxyRequest(*_place(target, None), is_tunnel=True, first=rest)
    url = _URL.fullmatch(target)
    if url is None or not all(_FIELD.fullmatch(field) for field in fields):
        raise BadRequest
    host, port = _place(url[1], 80)
    # Host is what was judged, whatever the client said; one request to a connection, so none goes unjudged.
    own = [b"%s %s HTTP/1.1" % (method, (url[2] if url[2][:1] == "/" else f"/{url[2]}").encode())]
    own += [b"Host: " + url[1].encode(), b"Connection: close"]
    own += [field for field in fields if not field.lower().startswith(_OF_THE_HOP)]
    return ProxyRequest(host, port, is_tunnel=False, first=b"\r\n".join(own) + b"\r\n\r\n" + rest)


def answer(client: socket.socket, status: str, words: str) -> None:
    """Answer with an error of the proxy's own."""
    body = f"{words}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _place(authority: str, default: int | None) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(authority)
    port = int(found[3]) if found and found[3] else default
    if found is None or port is None or not 0 < port < 65536:
        raise BadRequest
    host = (found[1] or found[2]).lower().rstrip(".")
    if not host:
        raise BadRequest
    return host, port
