"""Where a name may not lead, whatever the list says."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.processes.sandbox.network.addresses import Refused, reachable_addresses, reason_against

FORBIDDEN = (
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "::1", "::", "169.254.169.254", "169.254.1.1", "fe80::1"),
    *("fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "ff02::1"),
    *("255.255.255.255", "192.0.0.192", "fd20:ce::254", "fd00:c1::a9fe:a9fe"),
)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_this_machine_its_link_and_its_cloud_are_out_of_reach(address: str) -> None:
    assert reason_against(address)


@given(
    st.sampled_from([a for a in FORBIDDEN if ":" not in a])
    | st.ip_addresses(v=4, network="127.0.0.0/8").map(str)
)
def test_no_disguise_as_an_ipv6_address_helps(address: str) -> None:
    four = int(ipaddress.IPv4Address(address))
    for six in (
        ipaddress.IPv6Address((0xFFFF << 32) | four),
        ipaddress.IPv6Address((0x2002 << 112) | (four << 80)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | four),
        ipaddress.IPv6Address(four),
    ):
        assert reason_against(str(six)), six


def test_an_address_of_an_interface_of_this_machine_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interface:
        """A socket of a machine with the address 203.0.113.9: to itself it speaks from there."""

        def __init__(self, *_: object) -> None:
            self._peer = ""

        def __enter__(self) -> Interface:
            return self

        def __exit__(self, *_: object) -> None: ...

        def connect(self, place: tuple[str, int]) -> None:
            self._peer = place[0]

        def getsockname(self) -> tuple[str, int]:
            return ("203.0.113.9", 1)

    monkeypatch.setattr(socket, "socket", Interface)
    assert reason_against("203.0.113.9")
    assert reason_against("203.0.113.10") is None


def test_the_real_addresses_of_this_machine_are_known_without_a_list() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return  # A machine without a route has nothing to hide behind one.
        assert reason_against(probe.getsockname()[0])


@pytest.mark.parametrize("address", ["8.8.8.8", "10.1.2.3", "192.168.1.1", "2606:4700::1111"])
def test_other_machines_are_reachable_private_ones_too(address: str) -> None:
    assert reason_against(address) is None


def _resolver(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_name_is_resolved_once_so_that_it_cannot_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _resolver(monkeypatch, ["198.51.100.7"], ["127.0.0.1"])
    assert reachable_addresses("rebinding.example", 443) == [(socket.AF_INET, "198.51.100.7")]
    assert asked == ["rebinding.example"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_name_that_leads_to_a_forbidden_place_beside_a_good_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    _resolver(monkeypatch, ["198.51.100.7", address.partition("%")[0]])
    with pytest.raises(Refused, match="leads to"):
        reachable_addresses("example.com", 443)


def test_a_name_that_leads_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Refused, match="cannot be resolved"):
        reachable_addresses("no.example", 443)


def test_the_exact_address_of_a_model_may_be_this_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolver(monkeypatch, ["127.0.0.1"])
    assert reachable_addresses("127.0.0.1", 4711, trusted=True) == [(socket.AF_INET, "127.0.0.1")]
