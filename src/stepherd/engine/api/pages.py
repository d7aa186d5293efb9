"""Page tokens that are tied to what was listed, and end after a day (facts/histories.md 6.4)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from stepherd.engine.api.errors import ApiError

__all__ = ["Pages"]

_LIFE_SECONDS = 86_400


class Pages:
    """Makes and reads ``nextToken``. A token of another listing, or a changed one, is InvalidToken."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def size(self, request: Mapping[str, Any]) -> int:
        """``maxResults``, which has been checked: 0 or absent means 100."""
        return int(request.get("maxResults") or 100)

    def token(self, scope: str, position: int, now: float) -> str:
        """A token for the page after ``position``."""
        body = json.dumps([position, int(now)]).encode()
        return base64.urlsafe_b64encode(self._mac(scope, body) + body).decode()

    def start(self, request: Mapping[str, Any], scope: str, now: float) -> int | None:
        """The position that a request's token names; None without one."""
        token = request.get("nextToken")
        if token is None:
            return None
        try:
            raw = base64.b64decode(str(token).encode("ascii"), altchars=b"-_", validate=True)
            body = raw[16:]
            genuine = hmac.compare_digest(self._mac(scope, body), raw[:16])
            position, made = json.loads(body) if genuine else (None, 0)
        except (ValueError, UnicodeEncodeError, binascii.Error):
            position, made = None, 0
        if position is None or now - made > _LIFE_SECONDS:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
        return int(position)

    def _mac(self, scope: str, body: bytes) -> bytes:
        return hmac.new(self._key, scope.encode() + b"\0" + body, hashlib.sha256).digest()[:16]
