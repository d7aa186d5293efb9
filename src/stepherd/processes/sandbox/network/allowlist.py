"""Which hosts and ports may be reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from stepherd.errors import UsageError

__all__ = ["Allowlist", "Endpoint", "parse_hosts"]

_NAME: Final = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")
_LONGEST: Final = 253
_WEB: Final = (443, 80)
_SWITCHES: Final = {"of", "none", "no", "yes", "true", "false", "all", "host", "bridge"}
"""Other programs' words for on and off, and typing errors: taken as a host, each would block all others."""
_REMEDY: Final = "Use on, off, or hosts: --network index.example,*.example.com,git.example.com:8443"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host, which may begin with ``*.`` for all names below it, and a port; None: 443 and 80."""

    host: str
    port: int | None = None

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host when it is an address and no name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def is_loopback(self) -> bool:
        """Whether this machine itself is meant."""
        return self.host == "localhost" or bool(self.address and self.address.is_loopback)

    def matches(self, host: str, port: int) -> bool:
        """Whether it stands for this host, in lower case, at this port."""
        if port not in (_WEB if self.port is None else (self.port,)):
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) > len(self.host) - 1
        return host == self.host


@dataclass(frozen=True, slots=True)
class Allowlist:
    """The hosts that a run may reach."""

    hosts: tuple[Endpoint, ...] = ()
    """Hosts that a person listed: names are resolved, and refused if they lead to this machine or its
    cloud."""
    models: tuple[Endpoint, ...] = field(default=())
    """Where the agent's own model is. One that is an address may be this machine's: it was named exactly."""

    def allows(self, host: str, port: int) -> bool:
        """Whether a name or address is on the list."""
        return any(entry.matches(host, port) for entry in (*self.hosts, *self.models))

    def trusts(self, host: str, port: int) -> bool:
        """Whether it is the address of a model, and so not judged by where it leads."""
        return any(entry.address is not None and entry.matches(host, port) for entry in self.models)

    @property
    def on_this_machine(self) -> tuple[tuple[str, int], ...]:
        """The models that listen on loopback: host and port."""
        return tuple((e.host, e.port) for e in self.models if e.is_loopback and e.port is not None)


def parse_hosts(text: str) -> tuple[Endpoint, ...]:
    """``HOST[:PORT],…`` as endpoints. Raises UsageError naming the part that is wrong."""
    parts = [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(_parse(part) for part in parts if part or len(parts) == 1))


def hosts_text(endpoints: Iterable[Endpoint]) -> str:
    """Endpoints as ``parse_hosts`` reads them."""
    return ",".join(
        (f"[{e.host}]" if ":" in e.host else e.host) + (f":{e.port}" if e.port else "") for e in endpoints
    )


def _parse(text: str) -> Endpoint:
    if "/" in text:
        raise _refused(text, "a host is a name or an address, without a scheme or path")
    if text.lower() in _SWITCHES:
        raise _refused(text, "it looks like a switch, but only on and off exist")
    host, port = _split(text)
    host = host.lower().rstrip(".")
    if port is not None and not 0 < port < 65536:
        raise _refused(text, "its port is not between 1 and 65535")
    endpoint = Endpoint(host, port)
    if endpoint.address is not None:
        return Endpoint(str(endpoint.address), port)
    if not host or len(host) > _LONGEST or not _NAME.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise _refused(text, "a host is a name or an address, without a scheme or path")
    if host == "*" or (host.startswith("*.") and "." not in host[2:]):
        raise _refused(text, "it covers too much")
    return endpoint


def _split(text: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9a-fA-F:.%]+)\](?::(\d{1,6}))?", text)
    if bracketed:
        return bracketed[1], int(bracketed[2]) if bracketed[2] else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) < 7):
        raise _refused(text, "there is no port after the colon")
    return host, int(port) if colon else None


def _refused(text: str, why: str) -> UsageError:
    shown = "".join(c if c.isprintable() else "?" for c in text[:60])
    return UsageError(f"'{shown}' is not a host for --network: {why}.", remedy=_REMEDY)
