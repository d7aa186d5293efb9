"""The authorizer of the HTTP API: whether the key in X-API-Key is good, and whose it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from stepherd.api.authorizer import authorize
from stepherd.api_keys.ring import KeyRing
from stepherd.services.secrets.opening import open_document
from stepherd.telemetry import logger, observed

_document = cache(open_document)
if "API_KEYS_SECRET_ID" in os.environ:
    _document(os.environ["API_KEYS_SECRET_ID"])  # At init Lambda gives a whole processor.


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: API Gateway's, payload format 2.0. Returns a simple response."""
    answer = authorize(event, KeyRing(_document(os.environ["API_KEYS_SECRET_ID"])))
    logger.info("Judged a key", allowed=answer["isAuthorized"], key_id=answer["context"].get("key_id"))
    return answer
