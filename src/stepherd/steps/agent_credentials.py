"""The credentials of an agent: read now, for its environment alone, and known to whatever masks secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from stepherd.agents.contract import Agent
from stepherd.errors import CredentialsError
from stepherd.runs.request import Request
from stepherd.services.secrets.contract import SecretNotFound
from stepherd.services.secrets.opening import read_secret

__all__ = ["AgentCredentials", "read_agent_credentials"]


@dataclass(frozen=True, slots=True)
class AgentCredentials:
    """The variables for the agent's environment, and every secret that was read on the way."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def read_agent_credentials(agent: Agent, request: Request) -> AgentCredentials:
    """Of the secret that the request names, or else the environment, what the agent takes.

    A bare secret is the first variable of the agent, or the one that ``env:NAME`` names. Raises
    CredentialsError when the secret has nothing for the agent, and what ``read_secret`` raises. A default
    that was never set up counts as none.
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
    variables = {name: fields[name] for name in agent.secret_names if fields.get(name)}
    if asked and not variables:
        raise CredentialsError(
            f"The agent's credentials have no key for '{agent.name}'.",
            remedy=f"Store a JSON object with one of {', '.join(agent.secret_names)}.",
        )
    return AgentCredentials(variables, tuple(secret.values()))


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
