"""Resolving a name once, and judging where it leads before anything is dialled."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

__all__ = ["Refused", "reachable_addresses", "reason_against"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_METADATA: Final = tuple(
    ipaddress.ip_network(net)
    for net in (
        *("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
        *("fd00:ec2::/32", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128"),
    )
)
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class Refused(Exception):
    """A name that leads nowhere, or where no sandbox may go; the words are for whoever asked."""


def reachable_addresses(host: str, port: int, *, trusted: bool = False) -> list[tuple[int, str]]:
    """Family and address of each place where ``host`` may be dialled, in the resolver's order.

    Asked once: what is dialled is what was judged. Raises Refused when there is none, or when the name
    leads to a forbidden one beside good ones. ``trusted``: any address is.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused(f"the name {host} cannot be resolved") from None
    places = [(int(family), str(where[0])) for family, _, _, _, where in found]
    for _, text in places if not trusted else []:
        why = reason_against(text)
        if why:
            raise Refused(f"{host} leads to {text}, {why}")
    return list(dict.fromkeys(places))


def reason_against(text: str) -> str | None:
    """Why an address is out of reach, as the end of a sentence; None for one that is not."""
    try:
        address = _plain(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return "which is no address"
    if any(address.version == net.version and address in net for net in _METADATA):
        return "where a cloud provides its machines' credentials"
    if address.is_loopback or address.is_unspecified:
        return "which is this machine"
    if address.is_link_local:
        return "which is on this machine's local link"
    if address.is_multicast or (address.version == 4 and str(address) == "255.255.255.255"):
        return "which stands for many machines"
    return "which is this machine" if _is_own(address) else None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address only wraps."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    wraps = address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1)
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if wraps else address


def _is_own(address: Address) -> bool:
    """Whether an interface of this machine has it: then the system would speak to it from the address itself.
    Nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address
    except OSError:
        return False  # There is no way to it.
