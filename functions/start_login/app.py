"""The state StartLogin: begins a device authorization, or finds the one whose code is still good."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stepherd.telemetry import logger, metrics, observed


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """``event``: {wanted}. Returns what people are told, and the attempt's name; no secret."""
    answer: dict[str, Any] = _start({**event, "run_id": event["wanted"].get("run_id") or ""}, context)
    return answer


@observed
def _start(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    from stepherd.logins.asking import start_login
    from stepherd.logins.place import open_place
    from stepherd.logins.settings import login_secret, login_settings
    from stepherd.logins.subscribers import warning_about
    from stepherd.logins.wanted import Wanted
    from stepherd.services import open_store

    wanted = Wanted.from_json(event["wanted"])
    settings = login_settings(wanted, login_secret(os.environ.get("AMAZON_Q_CREDENTIALS_SECRET_ID", "")))
    place = open_place(wanted.kind, wanted.reference or None, open_store(os.environ["STORE_URI"]))
    checked = os.environ.get("LOGIN_SUBSCRIBERS") == "CHECKED"
    warning = warning_about(os.environ["LOGIN_SNS_TOPIC"]) if checked else ""
    answer = start_login(wanted, settings, place, warning=warning, now=datetime.now(UTC))
    metrics.add_metric(name="LoginsAsked", unit="Count", value=1)
    log = logger.warning if warning else logger.info
    log("A login was asked for", agent=wanted.kind.name, code=answer["code"], warning=warning)
    return answer
