"""The progress of a login, folded from the history of the login machine: on a laptop and on AWS alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from stepherd.services.json_text import read_json
from stepherd.text.durations import countdown_text

__all__ = ["LoginProgress", "Waiting"]

_FINAL: Final = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}
_SETTLED: Final = frozenset({"LoginReady", "LoginFailed", "HolderDoesNotEnd"})
"""States that are entered when no one waits any more."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The one that has to act before a login is valid: a person, or the run that holds it."""

    kind: str
    """Either ``person`` or ``holder``."""
    agent: str = ""
    text: str = ""
    """In words, as the machine says it, with nothing that counts down."""
    url: str = ""
    """Where a person approves it."""
    user_code: str = ""
    expires_at: str = ""
    """ISO 8601, UTC: when the code ends."""
    code: int = 1
    """How many codes were given out so far."""
    holder: str = ""
    """The ARN of the execution that holds the login."""

    @property
    def holder_name(self) -> str:
        """The run, or the login, that holds it."""
        return self.holder.rpartition(":")[2]

    def seconds_left(self, now: float) -> float:
        """Until the code ends; negative afterwards, infinite where nothing ends."""
        try:
            return datetime.fromisoformat(self.expires_at).timestamp() - now
        except ValueError:
            return float("inf")

    def remaining(self, now: float) -> str:
        """``9:41 left``, or what is so when the code has ended; empty where nothing ends."""
        seconds = self.seconds_left(now)
        if seconds == float("inf"):
            return ""
        over = "this code has expired; a new one follows"
        return f"{countdown_text(seconds)} left" if seconds > 0 else over

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` shows it: what is known, by stable names."""
        return {name: value or None for name, value in asdict(self).items() if name != "code"}


class LoginProgress:
    """The progress of one login execution. Feed it the events of its history in order."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.last_event = 0
        self.status = "RUNNING"
        self.waiting: Waiting | None = None
        self.asked = False
        """Whether a person was asked at all."""
        self.output: dict[str, Any] = {}
        """{status, account, expires_at} of a login that is good."""
        self.error = ""
        self.cause = ""
        self._names: dict[int, str] = {}

    def feed(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Take events, those that it had before are passed over; whether something else is shown now."""
        before = (self.waiting, self.status)
        for event in events:
            if int(event["id"]) > self.last_event:
                self.last_event = int(event["id"])
                self._take(str(event["type"]), event)
        return (self.waiting, self.status) != before

    def _take(self, kind: str, event: Mapping[str, Any]) -> None:
        if kind in _FINAL:
            self._end(_FINAL[kind], event)
        elif kind == "ExecutionRedriven":
            self.status, self.error, self.cause = "RUNNING", "", ""
        elif kind.endswith("StateEntered"):
            if event["stateEnteredEventDetails"]["name"] in _SETTLED:
                self.waiting = None
        elif kind.endswith("StateExited"):
            details = event["stateExitedEventDetails"]
            self._exited(str(details["name"]), _object(details.get("output")))

    def _exited(self, name: str, output: dict[str, Any]) -> None:
        if name == "CheckLogin" and output.get("status") == "held":
            self.waiting = Waiting(
                "holder", text=str(output.get("text", "")), holder=str(output.get("holder", ""))
            )
        elif name == "CheckLogin" and output.get("status") == "valid":
            self.waiting = None
        elif name == "StartLogin" and "user_code" in output:
            self.asked = True
            self.waiting = _for_a_person(output)

    def _end(self, status: str, event: Mapping[str, Any]) -> None:
        self.status, self.waiting = status, None
        details: Mapping[str, Any] = next((v for k, v in event.items() if k.endswith("EventDetails")), {})
        self.output = _object(details.get("output"))
        self.error, self.cause = str(details.get("error") or ""), str(details.get("cause") or "")


def _for_a_person(asked: Mapping[str, Any]) -> Waiting:
    return Waiting(
        "person",
        agent=str(asked.get("agent", "")),
        text="Waiting for a person to approve the login.",
        url=str(asked.get("verification_uri_complete") or asked.get("verification_uri") or ""),
        user_code=str(asked["user_code"]),
        expires_at=str(asked.get("expires_at", "")),
        code=int(asked.get("code") or 1),
    )


def _object(text: object) -> dict[str, Any]:
    """A JSON object; empty for anything else, such as data that a history left out because of its size."""
    try:
        value = read_json(str(text))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
