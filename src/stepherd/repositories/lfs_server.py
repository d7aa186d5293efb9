"""A Git LFS server, spoken to over HTTP (git-lfs: docs/api/batch.md, docs/api/basic-transfers.md).

The credentials go to the endpoint's own scheme, host and port alone: no redirect is followed, and an address
that the server gives for a content gets what the server says and nothing of ours.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from stepherd.errors import UnavailableError
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.failures import server_words
from stepherd.repositories.hosts import is_loopback, objection
from stepherd.repositories.lfs_pointer import LfsRefused, Pointer
from stepherd.repositories.lfs_route import Route
from stepherd.services.json_text import read_json

__all__ = ["LfsServer"]

_TYPE: Final = "application/vnd.git-lfs+json"
_MOST_BYTES: Final = 4 << 20
_MOST_HEADERS: Final = 50
_TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_REASONS: Final = {
    401: "did not accept the credentials",
    403: "does not let these credentials write",
    404: "has no Git LFS for this repository",
    413: "says that the content is too large",
    507: "has no room left",
}
_DECIDED: Final = frozenset({"host", "content-length", "connection", "transfer-encoding"})
"""Headers that say how this request is sent, which no server decides."""


@dataclass(frozen=True, slots=True)
class LfsServer:
    """An endpoint, and the headers (with the credentials) that go to it."""

    endpoint: str
    headers: Mapping[str, str]
    route: Route
    secrets: tuple[str, ...] = ()
    seconds: float = 60.0
    """How long it may be silent."""

    def lacks(self, pointers: Collection[Pointer], branch: str) -> dict[str, Mapping[str, Any] | str]:
        """Ask which contents the server lacks; by digest, return the actions to upload each, or why it may
        not.

        Raises LfsRefused when it refuses the question, UnavailableError when it cannot be reached.
        """
        question = {
            "operation": "upload",
            "transfers": ["basic"],
            "ref": {"name": f"refs/heads/{branch}"},
            "objects": [{"oid": each.oid, "size": each.size} for each in pointers],
            "hash_algo": "sha256",
        }
        answer = self._json(f"{self.endpoint}/objects/batch", question, dict(self.headers))
        objects = answer.get("objects") if isinstance(answer, dict) else None
        if not isinstance(objects, list) or answer.get("transfer", "basic") != "basic":
            raise LfsRefused("gives an invalid answer")
        found = {
            item["oid"]: item
            for item in objects
            if isinstance(item, dict) and isinstance(item.get("oid"), str)
        }
        lacking: dict[str, Mapping[str, Any] | str] = {}
        for each in pointers:
            item = found.get(each.oid)
            if item is None:
                lacking[each.oid] = "says nothing of it"
            elif item.get("error"):
                lacking[each.oid] = self._said(item["error"])
            elif isinstance(item.get("actions"), dict) and isinstance(item["actions"].get("upload"), dict):
                lacking[each.oid] = item["actions"]
        return lacking

    def upload(self, pointer: Pointer, file: Path, actions: Mapping[str, Any]) -> None:
        """Send the content as ``actions`` say. Raises LfsRefused and UnavailableError."""
        with file.open("rb") as body:
            headers = {"Content-Type": "application/octet-stream"} | self._headers(actions["upload"])
            headers["Content-Length"] = str(pointer.size)
            self._send("PUT", self._href(actions["upload"]), headers, body)
        verify = actions.get("verify")
        if isinstance(verify, dict):
            question = {"oid": pointer.oid, "size": pointer.size}
            self._json(self._href(verify), question, self._headers(verify), may_be_empty=True)

    def _href(self, action: Mapping[str, Any]) -> str:
        href = action.get("href")
        parts = _split(href)
        if parts is None or not isinstance(href, str):
            raise LfsRefused("names an invalid address")
        loopback, host = is_loopback(urlsplit(self.endpoint).hostname or ""), parts.hostname or ""
        reason = objection(host, allow_loopback=loopback)
        if reason is not None:
            raise LfsRefused(f"names an address that is refused: {reason}")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback and is_loopback(host)):
            raise LfsRefused("names an address that is not encrypted")
        return href

    def _headers(self, action: Mapping[str, Any]) -> dict[str, str]:
        given = action.get("header")
        items = [*given.items()][:_MOST_HEADERS] if isinstance(given, dict) else []
        headers = {
            name: value
            for name, value in items
            if isinstance(name, str) and isinstance(value, str) and name.lower() not in _DECIDED
        }
        if "authorization" not in map(str.lower, headers) and self._is_own(action.get("href")):
            headers |= self.headers
        return headers

    def _is_own(self, href: object) -> bool:
        parts, own = _split(href), urlsplit(self.endpoint)
        return parts is not None and (parts.scheme, parts.hostname, _port(parts)) == (
            own.scheme,
            own.hostname,
            _port(own),
        )

    def _json(
        self, url: str, question: Mapping[str, Any], headers: Mapping[str, str], *, may_be_empty: bool = False
    ) -> Any:
        body = json.dumps(question).encode()
        said = self._send("POST", url, {**headers, "Content-Type": _TYPE, "Accept": _TYPE}, body)
        try:
            return read_json(said)
        except ValueError:
            if may_be_empty:
                return None
            raise LfsRefused("gives an answer that is not JSON") from None

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | IO[bytes]) -> bytes:
        opener = build_opener(_NoRedirects(), *self.route.handlers(url))
        try:
            request = Request(url, data=body, method=method, headers={"User-Agent": "stepherd", **headers})
            with opener.open(request, timeout=self.seconds) as answer:
                said: bytes = answer.read(_MOST_BYTES + 1)
        except HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (URLError, HTTPException, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            words = server_words(str(reason), self.secrets)
            raise UnavailableError(
                f"The Git LFS server {self.endpoint} cannot be reached or failed: {words}.",
                remedy=Remedy("Check the address and the network, then try again: ", ("redrive", RUN)),
            ) from None
        if len(said) > _MOST_BYTES:
            raise LfsRefused("gives an answer that is too long")
        return said

    def _refusal(self, error: HTTPError) -> Exception:
        try:
            text = error.read(_MOST_BYTES)
        except (OSError, HTTPException):
            text = b""
        if error.code in _TEMPORARY:
            return UnavailableError(
                f"The Git LFS server {self.endpoint} answers {error.code} for now.",
                remedy=Remedy("Try again later: ", ("redrive", RUN)),
            )
        if 300 <= error.code < 400:
            return LfsRefused("redirects to another address, and redirects are not followed with credentials")
        try:
            words = self._words(read_json(text))
        except ValueError:
            words = ""
        return LfsRefused(_REASONS.get(error.code, f"answers {error.code}") + words)

    def _said(self, error: object) -> str:
        code = error.get("code") if isinstance(error, dict) else None
        known = _REASONS.get(code) if isinstance(code, int) else None
        return (known or "refuses the content") + self._words(error)

    def _words(self, said: object) -> str:
        message = said.get("message") if isinstance(said, dict) else None
        return (
            f" ({server_words(message, self.secrets, limit=200)})"
            if isinstance(message, str) and message
            else ""
        )


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _split(url: object) -> SplitResult | None:
    if not isinstance(url, str) or len(url) > 1 << 16 or any(letter <= " " for letter in url):
        return None
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError:
        return None
    return None if "@" in parts.netloc else parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
