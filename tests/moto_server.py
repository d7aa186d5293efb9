"""moto as a server on loopback, with nothing in it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer
from tests.atomic_s3 import hold_conditions

__all__ = ["moto_server"]


@contextmanager
def moto_server() -> Iterator[str]:
    """Its address. Moto's data belong to the process, and tests before this one left theirs."""
    hold_conditions()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        reset = urllib.request.Request(f"{address}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset, timeout=30).close()
        yield address
    finally:
        server.stop()
