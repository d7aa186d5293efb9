"""A small Git LFS server (batch API, basic transfer) behind the git server, with bad manners on request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import Message
from hashlib import sha256

from tests.integration.repositories.http_server import Answer

_TYPE = {"Content-Type": "application/vnd.git-lfs+json"}


@dataclass
class LfsBackend:
    """Keeps contents by their digests. ``uploads`` is where it sends them: itself, by default."""

    url: str
    contents: dict[str, bytes] = field(default_factory=dict)
    uploads: str | None = None
    batch_status: list[int] = field(default_factory=list)
    """The statuses of the answers to the next batches."""
    upload_status: list[int] = field(default_factory=list)
    verify_status: int = 200
    location: str = ""
    refused: dict[str, object] | None = None
    """The error of every object."""
    forgetful: bool = False
    header: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)

    def __call__(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        self.seen.append((method, path, headers["Authorization"]))
        if path.endswith("/objects/batch"):
            return self._batch(path.removesuffix("/objects/batch"), json.loads(body))
        if path.endswith("/verify"):
            return self.verify_status, _TYPE, b'{"message": "that is another content"}'
        if method == "GET":
            return 200, {}, self.contents[path.rpartition("/")[2]]
        status = self.upload_status.pop(0) if self.upload_status else 200
        if status == 200 and not self.forgetful:
            oid = path.rpartition("/")[2]
            assert sha256(body).hexdigest() == oid
            self.contents[oid] = body
        return status, self._headers(), b""

    def _batch(self, place: str, question: dict[str, object]) -> Answer:
        if self.batch_status and (status := self.batch_status.pop(0)) != 200:
            return status, self._headers(), b'{"message": "no, since\\u001b[31m it is closed"}'
        objects = question["objects"]
        assert isinstance(objects, list)
        is_download = question["operation"] == "download"
        found = [self._object(place, item["oid"], item["size"], is_download) for item in objects]
        return 200, _TYPE, json.dumps({"transfer": "basic", "objects": found}).encode()

    def _object(self, place: str, oid: str, size: int, is_download: bool) -> dict[str, object]:
        item: dict[str, object] = {"oid": oid, "size": size}
        if self.refused is not None:
            return item | {"error": self.refused}
        if is_download:
            return item | {"actions": {"download": {"href": f"{self.url}{place}/objects/{oid}"}}}
        if oid in self.contents:
            return item
        upload = {"href": f"{self.uploads or self.url}{place}/objects/{oid}", "header": self.header}
        return item | {"actions": {"upload": upload, "verify": {"href": f"{self.url}{place}/verify"}}}

    def _headers(self) -> dict[str, str]:
        return _TYPE | ({"Location": self.location} if self.location else {})
