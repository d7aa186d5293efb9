"""A front before the emulator, so that ``stepherd init`` deploys there as it is.

It adds what the emulator lacks: SAM's transform (by SAM's own code), a template's address as S3 writes it,
and the API's routes as resources. Every other call goes through untouched.
"""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.integration.cloud import stack
from tests.integration.cloud.emulator import Emulator
from tests.integration.deploying.account import Call, _Front

_SCRIPT = Path(__file__).with_name("translate_sam.py")


@dataclass
class Fronted:
    """The emulator behind its front; the fields are those that commands of tests look for in an account."""

    emulator: Emulator
    sam_python: str
    scratch: Path
    port: int = 0
    own_faults: list[str] = field(default_factory=list)
    confirmed: bool = True
    victim: Any = None

    @property
    def moto(self) -> int:
        """Where the calls go."""
        return self.emulator.port

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which an AWS client reaches it and no other server."""
        own = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "AWS_EC2_METADATA_DISABLED": "true"}
        return {**self.emulator.environment, **own}

    def client(self, service: str) -> Any:
        """boto3's client of the emulator itself."""
        return self.emulator.client(service)

    def plain(self, address: str) -> str:
        """The address of what CloudFormation would work on for the template at ``address``."""
        where = urlsplit(address)
        bucket, key = (where.hostname or "").partition(".")[0], where.path.lstrip("/")
        s3 = self.client("s3")
        packaged = self.scratch / f"{uuid.uuid4().hex}.json"
        translated = packaged.with_suffix(".plain")
        packaged.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        subprocess.run(
            [self.sam_python, str(_SCRIPT), str(packaged), str(translated)], check=True, timeout=60,
            env={"AWS_DEFAULT_REGION": "us-east-1", "PATH": ""}, capture_output=True,
        )  # fmt: skip
        template = stack.adapt(json.loads(translated.read_text()))
        s3.put_object(Bucket=bucket, Key=f"plain/{key}", Body=json.dumps(template).encode())
        return f"http://127.0.0.1:{self.moto}/{bucket}/plain/{key}"


class _Translating(_Front):
    def _answer(self) -> None:
        account: Any = self.server.account  # type: ignore[attr-defined]
        call = self._call(self._body())
        if call.operation == "CreateChangeSet":
            call = replace(call, body=_translated(account, call))
        self._forward(account, call)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _Front._serve


def _translated(account: Fronted, call: Call) -> bytes:
    given = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    given["TemplateURL"] = account.plain(given["TemplateURL"])
    return urlencode(given).encode()


@contextmanager
def fronted(emulator: Emulator, sam_python: str, scratch: Path) -> Iterator[Fronted]:
    """The emulator with its front; ``scratch`` is an empty folder."""
    found = Fronted(emulator, sam_python, scratch)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Translating)
    found.port = server.server_address[1]
    server.account = found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
        assert found.own_faults == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
