"""The HTTP API: every route of it, behind the authorizer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from stepherd.api.routes import respond
from stepherd.api.service import Service
from stepherd.telemetry import logger, observed

_service = cache(Service.open)
if "PIPELINE_ARN" in os.environ:
    _service()  # At init Lambda gives a whole processor, later 0.29 of one.


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: API Gateway's, payload format 2.0, of a call that the authorizer let through."""
    outcome = respond(event, _service)
    fault = outcome.error if outcome.answer.status >= 500 else None
    log = logger.error if fault else logger.info
    log("Answered", exc_info=fault, **outcome.facts(event))
    return outcome.answer.to_event()
