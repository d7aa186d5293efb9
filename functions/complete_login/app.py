"""CompleteLogin, subscribed to the login topic: waits for the person, stores the login, answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.services.json_text import read_json
from stepherd.telemetry import count, logger, observed


def handler(event: Mapping[str, Any], context: object) -> None:
    """``event``: what SNS sends; its message is for this function alone and holds the task token."""
    for record in event["Records"]:
        _complete(read_json(record["Sns"]["Message"]), context)


@observed
def _complete(message: Mapping[str, Any], context: Any) -> None:
    from stepherd.logins.approving import Notice, complete_login
    from stepherd.logins.time_budget import TimeBudget
    from stepherd.services.step_functions.executions import open_executions

    notice = Notice.from_json(message)
    location = notice.request.location(os.environ["STORE_URI"])
    pace = TimeBudget(lambda: context.get_remaining_time_in_millis() / 1000)
    outcome = complete_login(notice, location, open_executions(), pace)
    count({"approved": "LoginsApproved", "expired": "LoginsUnanswered"}.get(outcome))
    logger.info("A notice was worked on", outcome=outcome, agent=notice.request.kind.name)
