"""The state CheckLogin: takes the lease of a login, checks it and renews it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stepherd.telemetry import logger, metrics, observed


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """``event``: {wanted, waits_for}. Returns {status: valid|held|needed, …}."""
    answer: dict[str, Any] = _check({**event, "run_id": event["wanted"].get("run_id") or ""}, context)
    return answer


@observed
def _check(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    from stepherd.logins.checking import check_login
    from stepherd.logins.place import open_place
    from stepherd.logins.settings import login_secret, login_settings
    from stepherd.logins.wanted import Wanted
    from stepherd.services import open_store
    from stepherd.services.executions import open_executions

    wanted = Wanted.from_json(event["wanted"])
    settings = login_settings(wanted, login_secret(os.environ.get("AMAZON_Q_CREDENTIALS_SECRET_ID", "")))
    place = open_place(wanted.kind, wanted.reference or None, open_store(os.environ["STORE_URI"]))
    answer = check_login(
        wanted,
        settings,
        place,
        open_executions(),
        waits_for=event.get("waits_for", ""),
        now=datetime.now(UTC),
    )
    metrics.add_metric(name=f"Login{answer['status'].title()}", unit="Count", value=1)
    logger.info("The login is checked", status=answer["status"], agent=wanted.kind.name)
    return answer
