"""The variables of a container, as a request: those it always had, and those of the request's own fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from stepherd.errors import UsageError
from stepherd.services.number_text import read_number, read_whole
from stepherd.text.plain import one_paragraph

__all__ = ["DEFAULTS", "request_of"]

DEFAULTS: Final = {
    "GIT_CREDENTIALS_SECRET_ID": "amazon-q-headless/git-credentials",
    "AMAZON_Q_CREDENTIALS_SECRET_ID": "amazon-q-headless/amazon-q-credentials",
}
"""Where a variable is not set at all. Set and empty means: none."""
_REQUIRED: Final = {
    "REPO_URL": "the repository to clone",
    "INSTRUCTIONS_S3_URI": "the instructions, as s3://bucket/key or a folder",
}
_MESSAGE: Final = "Implement requirements using Amazon Q Developer"
_BRANCH: Final = "feature/q-implementation-"
_AGENT: Final = "q"
_TEXTS: Final = {
    "AGENT": "agent",
    "AGENT_COMMAND": "command",
    "BASE_REF": "base",
    "MODEL": "model",
    "VERIFY": "verify",
    "PUSH": "push",
    "AUTOMATION_CHANGES": "automation_changes",
    "COMMITS": "commits",
    "ALLOW": "allow",
    "AGENT_CREDENTIALS_SECRET_ID": "agent_credentials",
}
_NUMBERS: Final[Mapping[str, Callable[[str], float]]] = {
    "TIMEOUT_SECONDS": read_whole,
    "MAX_TURNS": read_whole,
    "VERIFY_ROUNDS": read_whole,
    "MAX_COST_USD": read_number,
}


def request_of(environment: Mapping[str, str], now: datetime | None = None) -> dict[str, Any]:
    """The request that the variables describe. Raises UsageError naming the variable that is wrong.

    A branch that is not named is ``feature/q-implementation-<time>``, as it always was.
    """
    missing = [name for name in _REQUIRED if not environment.get(name, "").strip()]
    if missing:
        words = " and ".join(f"{name} ({_REQUIRED[name]})" for name in missing)
        raise UsageError(
            f"Not set: {words}.", remedy=f"Add -e {missing[0]}=… to the command that runs the container."
        )
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    request: dict[str, Any] = {
        "repo": environment["REPO_URL"].strip(),
        "instructions": environment["INSTRUCTIONS_S3_URI"].strip(),
        "branch": environment.get("BRANCH_NAME", "").strip() or f"{_BRANCH}{moment:%Y%m%d%H%M%S}",
        "message": environment.get("COMMIT_MESSAGE", "").strip() or _MESSAGE,
        "git_credentials": _credentials(environment),
    }
    for name, field in _TEXTS.items():
        if environment.get(name, "").strip():
            request[field] = environment[name].strip()
    if not request.keys() & {"agent", "command"}:
        request["agent"] = _AGENT
    for name, read in _NUMBERS.items():
        if environment.get(name, "").strip():
            request[name.lower()] = _number(name, environment[name], read)
    return request


def _credentials(environment: Mapping[str, str]) -> str:
    named = environment.get("GIT_CREDENTIALS_SECRET_ID", DEFAULTS["GIT_CREDENTIALS_SECRET_ID"])
    return named.strip() or "none"


def _number(name: str, text: str, read: Callable[[str], float]) -> float:
    try:
        return read(text)
    except ValueError as error:
        shown = one_paragraph(text, 40)
        raise UsageError(f"{name} is '{shown}', which is {error}.", remedy=f"Correct {name}.") from None
