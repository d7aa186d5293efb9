"""Requests of the proxy's clients, whatever they send."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepherd.processes.sandbox.network.requests import BadRequest, ProxyRequest, read_request


def _read(text: bytes) -> ProxyRequest:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(text)
        theirs.shutdown(socket.SHUT_WR)
        return read_request(ours)


def test_a_tunnel_passes_on_what_was_sent_ahead() -> None:
    request = _read(b"CONNECT Example.COM.:8443 HTTP/1.1\r\nHost: other.example:1\r\n\r\n\x16\x03")
    assert request == ProxyRequest("example.com", 8443, is_tunnel=True, first=b"\x16\x03")


def test_a_request_reaches_the_server_as_its_own_with_the_host_that_was_judged() -> None:
    request = _read(
        b"GET http://example.com/a?b=c HTTP/1.1\r\nHost: evil.example\r\nProxy-Authorization: Basic eA==\r\n"
        b"Connection: keep-alive\r\nX-Own: 1\r\nPROXY-Connection: keep-alive\r\n\r\n"
    )
    assert (request.host, request.port, request.is_tunnel) == ("example.com", 80, False)
    assert request.first == (
        b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\nX-Own: 1\r\n\r\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1",
        b"GET https://example.com/ HTTP/1.1",
        b"GET ftp://example.com/ HTTP/1.1",
        b"GET http://user:secret@example.com/ HTTP/1.1",
        b"GET http:///etc/passwd HTTP/1.1",
        b"GET http://example.com\\@evil.example/ HTTP/1.1",
        b"CONNECT example.com HTTP/1.1",
        b"CONNECT example.com:0 HTTP/1.1",
        b"CONNECT example.com:99999 HTTP/1.1",
        b"CONNECT http://example.com:443 HTTP/1.1",
        b"CONNECT example.com:443/ HTTP/1.1",
        b"CONNECT example.com%00.evil:443 HTTP/1.1",
        b"CONNECT example.com:443 HTTP/2.0",
        b"connect example.com:443 HTTP/1.1",
        b"CONNECT  example.com:443 HTTP/1.1",
        b"\x05\x01\x00",
        b"",
        b"CONNECT " + b"a" * 9000 + b":443 HTTP/1.1",
    ],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(BadRequest):
        _read(line + b"\r\n\r\n")


def test_a_head_that_is_too_long_takes_no_memory() -> None:
    with pytest.raises(BadRequest):
        _read(b"GET http://example.com/ HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n")


@given(
    st.lists(
        st.sampled_from([b"Host", b"hOST", b"X"])
        | st.sampled_from([b" ", b"\t", b":", b"\n", b"\r", b"\r\n", b"\0", b"\x0b", b"evil.example"]),
        max_size=12,
    ).map(b"".join)
)
@example(b"Host : evil.example")
@example(b"X: y\nHost: evil.example")
@example(b"X: y\r\n Host: evil.example")
def test_the_server_hears_of_no_other_host_however_it_reads_lines_and_names(fields: bytes) -> None:
    try:
        request = _read(b"GET http://example.com/ HTTP/1.1\r\n" + fields + b"\r\n\r\n")
    except BadRequest:
        return
    head = request.first.partition(b"\r\n\r\n")[0]
    lines = [line for line in re.split(rb"[\r\n\0]+", head) if line]
    hosts = [line for line in lines if line.partition(b":")[0].strip().lower() == b"host"]
    assert hosts == [b"Host: example.com"]


@given(
    st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"CONNECT " + b + b":443 HTTP/1.1\r\n\r\n")
)
def test_no_bytes_bring_it_down_and_no_host_has_odd_characters(text: bytes) -> None:
    try:
        request = _read(text)
    except BadRequest:
        return
    assert re.fullmatch(r"[a-z0-9_.:-]+", request.host)
