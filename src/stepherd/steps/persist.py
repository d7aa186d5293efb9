"""The step ``persist``: keeps the login that an agent refreshed. Only agents with a login have one."""

from __future__ import annotations

import os
from typing import Any

from stepherd.agents.registry import get_agent
from stepherd.errors import StepherdError
from stepherd.events.recording import append_events
from stepherd.events.vocabulary import LoginEvent
from stepherd.logins.kinds import login_kind
from stepherd.logins.opening import open_location
from stepherd.logins.persistence import keep_login
from stepherd.runs.folder import DATABASE, RunFolder
from stepherd.runs.result import Result
from stepherd.services.store.contract import ObjectNotFound
from stepherd.steps.contract import Done, StepContext

__all__ = ["holds", "work"]

_NOTES = {
    "rejected": "The login that the agent left behind is damaged, so the stored one stays",
    "in_memory": "The agent renewed its login only in memory, so the stored one stays",
}


def work(step: StepContext) -> Done:
    """Keep what the agent's copy of the login database holds, then take the copy out of the run folder.

    Facts: persisted, and login {status, reason}. A copy that cannot be trusted leaves the stored login as it
    is, with a note for the report. An agent without a login has nothing to keep.
    """
    reference = os.environ.get("STEPHERD_LOGIN", "")
    kind = get_agent(step.request.agent).login
    if not reference or kind is None:
        return Done({"persisted": False})
    copy = step.scratch / "database.sqlite3"
    try:
        step.folder.store.download(DATABASE, copy)
    except ObjectNotFound:
        return Done({"persisted": False, "login": {"status": "absent", "reason": "the agent left no copy"}})
    copy.chmod(0o600)
    facts = _keep(kind, reference, step)
    # Only now: until the login is kept, the copy may be the only one that holds a rotated refresh token.
    step.folder.store.delete(DATABASE)
    return Done(facts)


def holds(before: Result, folder: RunFolder) -> bool:
    """Until an agent has left another copy."""
    return bool(before.facts.get("persisted")) and not folder.store.exists(DATABASE)


def _keep(kind: str, reference: str, step: StepContext) -> dict[str, Any]:
    kept = keep_login(open_location(login_kind(kind), reference), step.scratch / "database.sqlite3")
    facts: dict[str, Any] = {
        "persisted": kept.status == "kept",
        "login": {"status": kept.status, "reason": kept.reason},
    }
    if kept.status in _NOTES:
        facts["note"] = f"{_NOTES[kept.status]}: {kept.reason}" if kept.reason else f"{_NOTES[kept.status]}."
    if kept.status == "kept":
        _tell(kind, step)
    return facts


def _tell(kind: str, step: StepContext) -> None:
    event = LoginEvent(kind, "persisted", "The login that the agent renewed is stored for the next run.")
    try:
        append_events(step.folder.store, "persist", [event])
    except StepherdError as error:
        print(f"stepherd: {error}", flush=True)  # noqa: T201 - the login is kept all the same
