"""The state CheckLogin: takes the lease of a login, checks it and renews it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stepherd.telemetry import logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, wanted, waits_for}. Returns {status: valid|held|needed, …}."""
    from stepherd.logins.checking import check_login
    from stepherd.logins.request import LoginRequest
    from stepherd.logins.settings import login_settings
    from stepherd.services.aws.installed import require_boto3
    from stepherd.services.step_functions.executions import open_executions

    require_boto3("The identity provider")
    request = LoginRequest.from_json(event["wanted"])
    settings = login_settings(request, os.environ.get("AMAZON_Q_CREDENTIALS_SECRET_ID", ""))
    location, now, before = request.location(os.environ["STORE_URI"]), datetime.now(UTC), event["waits_for"]
    answer = check_login(request, settings, location, open_executions(), waits_for=before, now=now)
    logger.info("The login is checked", status=answer["status"], agent=request.kind.name)
    return answer
