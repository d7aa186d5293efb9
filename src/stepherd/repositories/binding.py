"""Which hosts a git token may go to.

Whoever writes instructions can name a repository; that must not be enough to be sent the token. Hosts are
compared as ``name:port``: in lower case, without a dot at the end, addresses in their usual spelling, without
the port 443.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from stepherd.errors import ConfigurationError, UsageError
from stepherd.repositories.address import Repository, parse_repository
from stepherd.repositories.hosts import objection
from stepherd.text.plain import is_unsafe, one_paragraph

__all__ = [
    "allowed_hosts",
    "host_by_prefix",
    "name_of",
    "normal_host",
    "read_hosts",
    "token_host",
    "typed_host",
]

_PREFIXES: Final = {
    "ghp_": "github.com",
    "github_pat_": "github.com",
    "gho_": "github.com",
    "ghs_": "github.com",
    "ghu_": "github.com",
    "glpat-": "gitlab.com",
}
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def host_by_prefix(token: str) -> str | None:
    """The host whose tokens begin like this one; None when its form does not tell."""
    return next((host for prefix, host in _PREFIXES.items() if token.startswith(prefix)), None)


def token_host(repository: Repository) -> str | None:
    """The host that a token for ``repository`` would go to; None when it is not reached by https or http."""
    if repository.kind not in _DEFAULT_PORTS:
        return None
    parts = urlsplit(repository.url)
    return normal_host(parts.hostname or "", parts.port or _DEFAULT_PORTS[repository.kind])


def typed_host(address: str) -> str | None:
    """``token_host`` of an address as a person gives it; None when it is not acceptable."""
    try:
        return token_host(parse_repository(address))
    except UsageError:
        return None


def read_hosts(text: str) -> tuple[str, ...]:
    """The hosts of a list such as ``github.com, git.example.com:8443``. Raises ConfigurationError."""
    hosts = tuple(_read_host(entry.strip()) for entry in text.split(",") if entry.strip())
    if not hosts:
        raise _refusal(text, "it names no host")
    return hosts


def name_of(host: str) -> str:
    """A normal host without its port."""
    return host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host


def allowed_hosts(token: str, hosts: Collection[str], owner_hosts: Collection[str]) -> frozenset[str]:
    """Where ``token`` may go: ``hosts`` alone, or without any the host of its prefix and ``owner_hosts``."""
    if hosts:
        return frozenset(hosts)
    by_prefix = host_by_prefix(token)
    return frozenset([*owner_hosts, *([by_prefix] if by_prefix else [])])


def _read_host(entry: str) -> str:
    if is_unsafe(entry):
        raise _refusal(entry, "it contains a control or invisible character")
    try:
        parts = urlsplit(f"//{entry.removeprefix('https://').removesuffix('/')}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refusal(entry, str(error)) from None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise _refusal(entry, "only a host and a port count")
    reason = objection(host, allow_loopback=True)
    if reason is not None:
        raise _refusal(entry, reason)
    return normal_host(host, port or 443)


def normal_host(host: str, port: int = 443) -> str:
    """A host as it is compared."""
    name = host.lower().removesuffix(".")
    with suppress(OSError, ValueError):  # It is a name and not an address.
        name = f"[{IPv6Address(name)}]" if ":" in name else str(IPv4Address(socket.inet_aton(name)))
    return name if port == 443 else f"{name}:{port}"


def _refusal(entry: str, reason: str) -> ConfigurationError:
    shown = one_paragraph(entry, 80)
    return ConfigurationError(
        f"'hosts' of the git credentials holds '{shown}', which is not a host: {reason}.",
        remedy="List hosts, separated by commas: github.com, git.example.com:8443",
    )
