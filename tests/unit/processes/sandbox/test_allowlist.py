"""Which hosts ``--network`` names, and which it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.errors import UsageError
from stepherd.processes.sandbox.network.allowlist import Allowlist, Endpoint, hosts_text, parse_hosts

LABEL = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PORT = st.none() | st.integers(1, 65535)
HOST = st.one_of(
    NAME, st.tuples(LABEL, NAME).map(lambda two: f"*.{two[0]}.{two[1]}"), st.ip_addresses().map(str)
)


@given(st.lists(st.builds(Endpoint, HOST, PORT), min_size=1, max_size=5, unique=True))
def test_what_is_kept_in_the_request_is_read_as_what_was_given(endpoints: list[Endpoint]) -> None:
    assert parse_hosts(hosts_text(endpoints)) == tuple(endpoints)


@given(NAME, NAME, st.integers(1, 65535), PORT)
def test_a_name_stands_for_itself_alone_and_a_star_for_names_below_it(
    listed: str, asked: str, port: int, listed_port: int | None
) -> None:
    ports = (443, 80) if listed_port is None else (listed_port,)
    exact, below = Endpoint(listed, listed_port), Endpoint(f"*.{listed}", listed_port)
    assert exact.matches(asked, port) == (asked == listed and port in ports)
    assert below.matches(asked, port) == (asked.endswith(f".{listed}") and port in ports)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("evil-example.com", 443),
        ("example.com.evil.net", 443),
        ("xexample.com", 443),
        ("example.com", 22),
        ("example.com", 8443),
        (".example.com", 443),
        ("", 443),
    ],
)
def test_what_looks_like_a_listed_host_is_not_on_the_list(host: str, port: int) -> None:
    assert not Allowlist(parse_hosts("example.com,*.example.org")).allows(host, port)


NO_HOSTS = (
    *("", "https://example.com", "example.com/path", "a b", "*", "*.com", "*.*.com", "x.*.com", "127.1"),
    *("example.com:0", "example.com:65536", "example.com:http", "example.com:", "-x.com", "a..b", "[::1"),
    *("2130706433", "0x7f.0.0.1", "user@example.com", "exa\nmple.com", "ex%61mple.com", "a" * 254),
)


@pytest.mark.parametrize("text", NO_HOSTS)
def test_what_is_no_host_is_refused_in_one_line_that_says_what_to_give(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_hosts(text)
    assert "--network" in refusal.value.message
    assert "\n" not in str(refusal.value)
    assert "--network index.example" in refusal.value.remedy


def test_case_and_the_dot_of_the_root_make_no_difference() -> None:
    assert parse_hosts("Example.COM.,example.com") == (Endpoint("example.com"),)


def test_a_model_on_this_machine_is_reached_at_its_exact_address_and_port() -> None:
    models = (Endpoint("127.0.0.1", 4711), Endpoint("localhost", 11434), Endpoint("192.168.7.7", 1234))
    allowlist = Allowlist(parse_hosts("10.0.0.5"), models)
    assert allowlist.on_this_machine == (("127.0.0.1", 4711), ("localhost", 11434))
    assert allowlist.trusts("192.168.7.7", 1234)
    # AND neither another port of it, nor what a person listed, nor a name
    assert not allowlist.trusts("192.168.7.7", 443)
    assert not allowlist.trusts("10.0.0.5", 443)
    assert not allowlist.trusts("localhost", 11434)


@pytest.mark.parametrize(
    ("given_text", "why"),
    [
        ("https://example.com", "without a scheme"),
        ("http://example.com:80/x", "without a scheme"),
        ("example.com/path", "without a scheme"),
        ("none", "on and off"),
        ("Of", "on and off"),
        ("index.example,none", "on and off"),
        ("example.com:https", "no port"),
    ],
)
def test_what_is_no_host_is_told_apart(given_text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_hosts(given_text)
