"""The run folder: the only thing that steps share. Its keys are the contract, so they stand here alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.errors import DataError, NotFoundError
from stepherd.remedies import Remedy
from stepherd.runs.digests import check_digest, digest_of
from stepherd.runs.request import Request
from stepherd.runs.result import Result
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound, Store
from stepherd.services.store.listed import ListedStore
from stepherd.services.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "BUNDLE",
    "DATABASE",
    "INSTRUCTIONS",
    "LFS_CONTENTS",
    "REPORT",
    "REQUEST",
    "REQUEST_DIGEST",
    "REPORT_PAGE",
    "SESSION",
    "TRANSCRIPT",
    "WORKSPACE",
    "RunFolder",
    "open_run_folder",
    "run_folder",
]

REQUEST: Final = "request.json"
_AMENDED: Final = re.compile(r"request\.\d{1,4}\.json")
REQUEST_DIGEST: Final = "STEPHERD_REQUEST_DIGEST"
"""The variable by which a step gets the digest of request.json from its execution."""
INSTRUCTIONS: Final = "instructions"
WORKSPACE: Final = "clone/workspace.tar.zst"
BUNDLE: Final = "agent/changes.bundle"
LFS_CONTENTS: Final = "agent/lfs"
"""Below it, by their digests: contents that new pointers of Git LFS name."""
TRANSCRIPT: Final = "agent/transcript.jsonl"
DATABASE: Final = "agent/database.sqlite3"
SESSION: Final = "agent/session.tar.zst"
REPORT: Final = "report.json"
REPORT_PAGE: Final = "report.md"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Typed access to ``runs/<run id>/`` in a store."""

    store: Store

    @property
    def reference(self) -> str:
        """The URI that goes to containers."""
        return self.store.reference

    def listed(self) -> RunFolder:
        """The same for one who works on the run alone: on S3 with one list, instead of a call for each object
        that may not be there (``ListedStore``)."""
        return RunFolder(ListedStore(self.store)) if self.reference.startswith("s3://") else self

    def address_of(self, key: str) -> str:
        """Where a person finds the object ``key``."""
        return f"{self.reference}/{key}"

    def read_request(self, digest: str | None = None) -> Request:
        """The request, if its bytes have the ``digest`` that the execution carries; None accepts any.

        After an amendment the digest is that of the amended request, and it is given.

        Raises RunFolderChanged when they have another one or are gone, NotFoundError when the run was never
        prepared, DataError when they are not a request.
        """
        body = self._read(REQUEST)
        if digest is not None and (body is None or digest_of(body) != digest):
            body = self._amended(digest) or body
        # The bytes that are compared are the bytes that are parsed: a second read could find others.
        check_digest(None if body is None else digest_of(body), digest, self.address_of(REQUEST))
        if body is None:
            raise NotFoundError(
                f"There is no request in {self.reference}.", remedy=Remedy("Start a run with: ", ("run",))
            )
        return Request.from_json(self._parsed(REQUEST, body))

    def write_amended(self, request: Request, number: int) -> str:
        """Write a request as it was amended for a redrive, beside request.json; the digest of its bytes."""
        return digest_of(self._write_json(f"request.{number}.json", request.to_json()))

    def _amended(self, digest: str) -> bytes | None:
        """The bytes of the amended request that has this digest."""
        for info in self.store.list("request."):
            if _AMENDED.fullmatch(info.key):
                body = self._read(info.key)
                if body is not None and digest_of(body) == digest:
                    return body
        return None

    def write_request(self, request: Request) -> str:
        """Write request.json; returns the digest of its bytes."""
        return digest_of(self._write_json(REQUEST, request.to_json()))

    def request_digest(self) -> str:
        """The digest of request.json as it is. Raises NotFoundError when there is none."""
        return digest_of(self.store.get(REQUEST).body)

    def instructions(self) -> Store:
        """The frozen instructions of the run."""
        return self.store.child(INSTRUCTIONS)

    def read_result(self, step: str) -> Result | None:
        """The result of ``step``'s last end; None when it has not come to one.

        Raises DataError when the file makes no sense.
        """
        return self.read_result_at(f"{step}/result.json", step)

    def read_result_at(self, key: str, step: str) -> Result | None:
        """The result of ``step`` that lies under ``key``, such as one attempt's; otherwise as above."""
        fields = self._read_json(key)
        if fields is not None and fields.get("step") != step:
            raise DataError(f"{self.address_of(key)} is not a result of the step {step}.")
        return None if fields is None else Result.from_json(fields)

    def write_result(self, result: Result) -> None:
        """Write the result of a step: the last thing that the step does."""
        self.write_result_at(f"{result.step}/result.json", result)

    def write_result_at(self, key: str, result: Result) -> None:
        """Write a result under a key of its own."""
        self._write_json(key, result.to_json())

    def read_object(self, key: str) -> dict[str, Any]:
        """A small JSON object of ours; empty when there is none. Raises DataError when it is not one."""
        return self._read_json(key) or {}

    def write_object(self, key: str, fields: Mapping[str, Any]) -> None:
        """Write a small JSON object of ours."""
        self._write_json(key, fields)

    def write_first(self, key: str, fields: Mapping[str, Any]) -> None:
        """Write a small JSON object where there is none yet. Raises PreconditionFailed and WriteConflict."""
        self.store.put(key, (json.dumps(fields, ensure_ascii=False) + "\n").encode(), if_none_match=True)

    def read_report(self) -> dict[str, Any] | None:
        """report.json as it is; None when there is none."""
        return self._read_json(REPORT)

    def write_report(self, fields: Mapping[str, Any], page: str) -> None:
        """Write report.md, then report.json: whoever finds the second finds both."""
        self.store.put(REPORT_PAGE, page.encode())
        self._write_json(REPORT, fields)

    def fetch_content(self, oid: str, path: Path) -> None:
        """Write a content of Git LFS, named by its digest, to ``path``. Raises NotFoundError when the run has
        none of that name."""
        self.store.download(f"{LFS_CONTENTS}/{oid}", path)

    def fetch_workspace(self, path: Path) -> None:
        """Write the packed clone to ``path``. Raises NotFoundError when the run has it no more."""
        self.store.download(WORKSPACE, path)

    def forget_workspace(self) -> None:
        """Remove the packed clone, by far the largest object: a run that succeeded never needs it again."""
        self.store.delete(WORKSPACE)

    def _read_json(self, key: str) -> dict[str, Any] | None:
        body = self._read(key)
        return None if body is None else self._parsed(key, body)

    def _read(self, key: str) -> bytes | None:
        try:
            return self.store.get(key).body
        except ObjectNotFound:
            return None

    def _parsed(self, key: str, body: bytes) -> dict[str, Any]:
        try:
            fields = read_json(body)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise DataError(
                f"{self.address_of(key)} is not a JSON object.",
                remedy=Remedy("It was damaged after it was written: start the run again: ", ("run",)),
            )
        return fields

    def _write_json(self, key: str, fields: Mapping[str, Any]) -> bytes:
        body = (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        self.store.put(key, body)
        return body


def open_run_folder(reference: str) -> RunFolder:
    """The run folder at a URI, as containers get it in STEPHERD_RUN_FOLDER."""
    return RunFolder(open_store(reference))


def run_folder(store: Store, run_id: str) -> RunFolder:
    """The folder of a run in the store of all runs."""
    return RunFolder(store.child(f"runs/{run_id}"))
