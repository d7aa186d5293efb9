"""The credentials of an agent instead of a person's login, checked before it is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from stepherd.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent

__all__ = ["credentials_in", "missing_credentials", "no_command", "require_secret", "sole_secrets"]

_SOLE: Final = ("_API_KEY", "_AUTH_TOKEN", "_OAUTH_TOKEN")


def no_command(name: str, command: str | None) -> None:
    """Raises UsageError when there is a command line: this agent has its own."""
    if command is not None:
        raise UsageError(
            f"The agent '{name}' takes no command.", remedy=f"Leave --command out, or --agent {name}."
        )


def require_secret(name: str, secrets: Mapping[str, str], enough: Iterable[str]) -> None:
    """Raises CredentialsError unless one of ``enough`` is there: without it the agent could only fail."""
    names = tuple(enough)
    if not any(secrets.get(one) for one in names):
        raise _missing(name, names)


def missing_credentials(agent: Agent, environment: Mapping[str, str]) -> CredentialsError:
    """The error of an agent for which ``environment`` has no credentials that it may be given unasked."""
    names = sole_secrets(agent)
    key = next((name for name in names if environment.get(name)), None)
    url = next((name for name in _base_urls(agent) if environment.get(name)), None)
    if key is None or url is None:
        return _missing(agent.name, names)
    return CredentialsError(
        f"The agent '{agent.name}' has no credentials: {key} is set, but so is {url}, and a key must not go "
        "to another server than its own.",
        remedy=f"If it is the key of that server, name it: --agent-credentials env:{key}; else unset {url}.",
    )


def _missing(name: str, names: tuple[str, ...]) -> CredentialsError:
    return CredentialsError(
        f"The agent '{name}' has no credentials: none of {', '.join(names)} was given.",
        remedy=f"Give them with --agent-credentials env:{names[0]}, file:PATH or a Secrets Manager id.",
    )


def sole_secrets(agent: Agent) -> tuple[str, ...]:
    """Of what the agent takes, the variables that are credentials by themselves."""
    return tuple(name for name in agent.secret_names if name.endswith(_SOLE))


def credentials_in(agent: Agent, environment: Mapping[str, str]) -> str | None:
    """``env:NAME`` for the first such variable that is set; None when none is, or when a base URL is set
    beside it: a gateway's key must not go to anybody else."""
    if any(environment.get(name) for name in _base_urls(agent)):
        return None
    return next((f"env:{name}" for name in sole_secrets(agent) if environment.get(name)), None)


def _base_urls(agent: Agent) -> tuple[str, ...]:
    return tuple(name for name in agent.secret_names if name.endswith("_BASE_URL"))
