"""Which hosts a repository may be on.

Refused are addresses that belong to the machine or its cloud and not to a git server: link-local
(169.254.0.0/16 carries the metadata and credentials services of EC2 and ECS), unspecified, multicast,
the metadata names of the large clouds, and loopback unless the operator allows it. Private networks
are allowed: that is where self-hosted servers live.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

__all__ = ["is_loopback", "objection"]

_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_METADATA: Final = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.com",
        "instance-data",
        "instance-data.ec2.internal",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    }
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOOPBACK: Final = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "localhost.localdomain"})


def objection(host: str, *, allow_loopback: bool) -> str | None:
    """Why ``host`` (a name or address, IPv6 without brackets) is refused, or None when it is acceptable."""
    name = host.lower().removesuffix(".")
    if not name.isascii():
        return "the host contains letters outside ASCII, which can imitate another name; write it as xn--…"
    address = _address(name)
    rules = (
        (not name, "it names no host"),
        (
            address is None and (":" in name or not _NAME.fullmatch(name)),
            "the host is not a name or address",
        ),
        (name in _METADATA or str(address) in _METADATA, "the host is a cloud's metadata service"),
        (
            address is not None and _is_special(address),
            "the host is a link-local or special address, where metadata and credentials services are",
        ),
        (
            is_loopback(name) and not allow_loopback,
            "the host is this machine itself (STEPHERD_ALLOW_LOOPBACK_REMOTES=1 would allow it)",
        ),
    )
    return next((reason for broken, reason in rules if broken), None)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by name or address, in any spelling that the resolver takes."""
    name = host.lower().removesuffix(".")
    address = _address(name)
    if address is not None:
        return address.is_loopback
    return name in _LOOPBACK or name.endswith(".localhost")


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    return address.is_link_local or address.is_multicast or address.is_unspecified


def _address(name: str) -> IPv4Address | IPv6Address | None:
    if ":" in name:
        try:
            address = IPv6Address(name)
        except ValueError:
            return None
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    try:
        # inet_aton reads what curl and the resolver read: 2852039166, 0xa9fea9fe, 169.254.43518.
        return IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None
