"""What an agent logs in with: found in the environment of who starts a run, or missed before it starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepherd.runs.request import Request

__all__ = ["with_agent_credentials"]


def with_agent_credentials(checked: Request, request: dict[str, Any]) -> dict[str, Any]:
    """``request``, naming as ``env:NAME`` the agent's own variable that is set here, unless it names another.

    AGENT_CREDENTIALS_SECRET_ID names the default of every agent: what an agent does not find there is no
    error. Raises CredentialsError for an agent that can do nothing without credentials, when there are none.
    """
    if checked.agent in {"apply", "command"} or checked.agent_credentials not in {None, ""}:
        return request
    if os.environ.get("AGENT_CREDENTIALS_SECRET_ID"):
        return request
    from stepherd.agents.credentials import credentials_in, missing_credentials, sole_secrets
    from stepherd.agents.registry import get_agent

    agent = get_agent(checked.agent)
    reference = credentials_in(agent, os.environ)
    if reference is not None:
        return {**request, "agent_credentials": reference}
    if agent.login is None and agent.secret_names:
        raise missing_credentials(agent.name, sole_secrets(agent))
    return request
