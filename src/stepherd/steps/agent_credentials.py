"""The credentials of an agent: read now, for its environment alone, and known to whatever masks secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from stepherd.agents.contract import Agent
from stepherd.errors import CredentialsError
from stepherd.runs.request import Request
from stepherd.services.secrets.contract import SecretNotFound, has_parts
from stepherd.services.secrets.opening import read_secret

__all__ = ["AgentCredentials", "read_agent_credentials"]


@dataclass(frozen=True, slots=True)
class AgentCredentials:
    """The variables for the agent's environment, and every secret that was read on the way."""

    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the agent's ``secret_names``, all that there are."""
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that the request sets, plain and secret: also for the verify command."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """The agent's environment gets them all."""
        return {**self.given, **self.keys}


def read_agent_credentials(agent: Agent, request: Request) -> AgentCredentials:
    """All variables that the request gives its agent, plain and secret, and what the agent takes of the
    secret that the request, or else the environment, names for its credentials.

    Raises CredentialsError when a secret has nothing of what it was named for, and what ``read_secret``
    raises.
    """
    own = _credentials(agent, request)
    named = {name: _named_secret(name, reference) for name, reference in request.secrets.items()}
    given = {**request.env, **{name: value for name, (value, _) in named.items()}}
    by_name = {name: given[name] for name in agent.secret_names if name in given}
    secrets = (*own.secrets, *(each for _, every in named.values() for each in every))
    return AgentCredentials({**own.keys, **by_name}, given, secrets)


def _named_secret(name: str, reference: str) -> tuple[str, tuple[str, ...]]:
    """The value of one variable, and all that its secret holds."""
    fields = read_secret(reference) or {}
    whole = [field for field in fields if "." not in field] or [*fields]
    value = fields.get(name) or (fields[whole[0]] if len(whole) == 1 else "")
    if not value:
        raise CredentialsError(
            f"The secret of the variable {name} has no field of that name.",
            remedy=f"Store the value alone, or a JSON object with the field {name}.",
        )
    if "\0" in value:
        raise CredentialsError(
            f"The secret of the variable {name} has a zero byte, which no environment can hold.",
            remedy="Store it without.",
        )
    return value, tuple(fields.values())


def _credentials(agent: Agent, request: Request) -> AgentCredentials:
    """Of the secret of credentials what the agent takes.

    A bare secret is the first variable of the agent, or the one that ``env:NAME`` names. A default that was
    never set up counts as none.
    """
    reference = request.agent_credentials or os.environ.get("STEPHERD_AGENT_CREDENTIALS", "")
    asked = bool(reference)
    reference = reference or os.environ.get("AGENT_CREDENTIALS_SECRET_ID", "")
    if not reference or not agent.secret_names:
        return AgentCredentials()
    secret = _read(reference, asked=asked)
    if secret is None:
        return AgentCredentials()
    fields = _named(secret, agent.secret_names, reference)
    for name in agent.secret_names:
        if has_parts(secret, name):
            raise CredentialsError(
                f"The field {name} of the agent's credentials is not text.",
                remedy="Store the key alone as it.",
            )
    variables = {name: fields[name] for name in agent.secret_names if fields.get(name)}
    if asked and not variables:
        raise CredentialsError(
            f"The agent's credentials have no key for '{agent.name}'.",
            remedy=f"Store a JSON object with one of {', '.join(agent.secret_names)}.",
        )
    return AgentCredentials(variables, {}, tuple(secret.values()))


def _read(reference: str, *, asked: bool) -> dict[str, str] | None:
    try:
        return read_secret(reference)
    except SecretNotFound:
        if asked:
            raise
        return None


def _named(secret: Mapping[str, str], names: tuple[str, ...], reference: str) -> Mapping[str, str]:
    if set(secret) != {"token"} or "token" in names:
        return secret
    variable = reference.removeprefix("env:")
    return {variable if variable in names else names[0]: secret["token"]}
