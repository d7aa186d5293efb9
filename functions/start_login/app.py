"""The state StartLogin: begins a device authorization, or finds the one whose code is still good."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stepherd.telemetry import count, logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, wanted}. Returns what people are told, and the attempt's name; no secret."""
    from stepherd.logins.asking import start_login
    from stepherd.logins.request import LoginRequest
    from stepherd.logins.settings import login_settings
    from stepherd.logins.subscribers import warning_about

    request = LoginRequest.from_json(event["wanted"])
    settings = login_settings(request, os.environ.get("AMAZON_Q_CREDENTIALS_SECRET_ID", ""))
    is_checked = os.environ.get("LOGIN_SUBSCRIBERS") == "CHECKED"
    warning = warning_about(os.environ["LOGIN_SNS_TOPIC"]) if is_checked else ""
    location, now = request.location(os.environ["STORE_URI"]), datetime.now(UTC)
    answer = start_login(request, settings, location, warning=warning, now=now)
    count("LoginsAsked")
    logger.info("A login was asked for", agent=request.kind.name, code=answer["code"], warning=warning)
    return answer
