"""An embedded engine that poses as Step Functions: its store is on S3. Serves until SIGTERM.

``python -m tests.e2e.cloud_engine HOME STORE_URI``; prints its endpoint, key in the path, on one line.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.e2e.place import ROOT

from stepherd.engine.local import LocalEngine, base_environment

LOGIN_VARIABLES = ("STEPHERD_LOGIN_HOSTS", "STEPHERD_Q_LOGIN", "STEPHERD_KIRO_LOGIN", "AWS_Q_ENDPOINT_URL")


async def serve(home: Path, store: str) -> None:
    images = {"GitImage": "h.example/git:1", "AgentImage": "h.example/agent:1"}
    # Tasks are processes here, and the image's user is not on this machine.
    images["AgentUser"] = ""
    parameters = {"StoreUri": store, "LoginSubscribers": "UNCHECKED", **images}
    environment = base_environment(LOGIN_VARIABLES)
    engine = LocalEngine(
        home, ROOT / "template.yaml", parameters, environment=environment, shows_notices=False
    )
    assert engine.acquire()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    engine.open()
    print(f"{engine.endpoint}/{engine.access_key}/", flush=True)
    await ended.wait()
    await engine.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
