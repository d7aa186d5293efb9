"""``python served_moto.py``: moto's server, which runs executions, until standard input ends.

Prints its address.
"""

from __future__ import annotations

import json
import sys
import urllib.request

from moto.server import ThreadedMotoServer


def _serve() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    settings = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
    request = urllib.request.Request(f"{address}/moto-api/config", data=settings, method="POST")
    urllib.request.urlopen(request, timeout=30).close()
    print(address, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    _serve()
