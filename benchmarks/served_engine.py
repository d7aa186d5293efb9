"""``python served_engine.py FOLDER``: an engine with one function, served until standard input ends.

Prints its endpoint and access key as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from stepherd.engine.local import LocalEngine

_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Do:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: do, CodeUri: code/, Handler: app.handle, Runtime: python3.13, Timeout: 30}
"""


async def _serve(folder: Path) -> None:
    (folder / "template.yaml").write_text(_TEMPLATE)
    local = LocalEngine(folder / "home", folder / "template.yaml", {})
    if not local.acquire():
        raise SystemExit("Another engine has this home.")
    local.open()
    print(json.dumps({"endpoint": local.endpoint, "key": local.access_key}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await local.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
