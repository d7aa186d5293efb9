"""The events of a login, among those of the run that needs it."""

from __future__ import annotations

import sys
from typing import Literal

from stepherd.errors import StepherdError
from stepherd.events.recording import append_events
from stepherd.events.vocabulary import LoginEvent
from stepherd.logins.request import LoginRequest
from stepherd.services.store.opening import open_store
from stepherd.text.plain import one_paragraph

__all__ = ["tell"]

Status = Literal["valid", "refreshed", "held", "asked", "approved", "declined", "expired", "persisted"]


def tell(request: LoginRequest, status: Status, text: str) -> None:
    """Add a LoginEvent to the run's events.jsonl, if a run wants the login.

    A login does not fail because no one can be told of it: what the store refuses is said on stderr.
    """
    if not request.folder:
        return
    try:
        event = LoginEvent(request.kind.name, status, one_paragraph(text, 2000))
        append_events(open_store(request.folder), "login", [event])
    except StepherdError as error:
        sys.stderr.write(f"stepherd: {one_paragraph(str(error), 1000)}\n")
