"""What all tests share: a clean environment, the loopback server, certificates for HTTP/2."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from asking import Ask, ask_async, ask_sync
from loopback import Loopback

# Where all is required, the same examples are tried each time; elsewhere others are, and find new ones.
settings.register_profile("sdk", derandomize=os.environ.get("STEPHERD_REQUIRE_ALL") == "1")
settings.load_profile("sdk")
# A shell that starts the tests in the background lets them ignore SIGINT, and all that they start with them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(
            ("AMAZON_Q_", "AWS_", "STEPHERD_", "KIRO_", "SSL_", "XDG_")
        ) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[Loopback]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Loopback(tls=context) as running:
        yield running


@pytest.fixture(scope="session")
def http2_only(authority: trustme.CA) -> ssl.SSLContext:
    """The context of a server that speaks nothing but HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """An SSL context that trusts the loopback server."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(params=[ask_async, ask_sync], ids=["async", "sync"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen
