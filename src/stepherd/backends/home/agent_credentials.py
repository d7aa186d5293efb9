"""An agent's credentials: found in the caller's environment, or reported as missing before a run starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stepherd.agents.credentials import credentials_in, missing_credentials, sole_secrets
from stepherd.agents.registry import get_agent
from stepherd.services.aws.installed import require_boto3
from stepherd.services.secret_forms import worth_masking
from stepherd.services.secrets.contract import check_secret_id
from stepherd.steps.agent_credentials import AgentCredentials, read_agent_credentials

if TYPE_CHECKING:
    from stepherd.runs.request import Request

__all__ = ["with_agent_credentials"]


def with_agent_credentials(checked: Request, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """``request``, naming as ``env:NAME`` the agent's own variable that is set here, unless it names another;
    and a remark about secrets that cannot be masked, empty for none.

    AGENT_CREDENTIALS_SECRET_ID names the default of every agent: what an agent does not find there is no
    error. Raises CredentialsError for an agent that can do nothing without credentials, when there are none;
    ConfigurationError for one that needs a person's login, which takes boto3; and what the agent's step would
    raise when it reads the secret that is named.
    """
    agent, default = get_agent(checked.agent), os.environ.get("AGENT_CREDENTIALS_SECRET_ID", "")
    for reference in (checked.agent_credentials or default, *checked.secrets.values()):
        _check_reference(reference)
    if any(map(_is_in_aws, (checked.agent_credentials or "", *checked.secrets.values()))):
        require_boto3("A secret that is named without env: or file: is one of Secrets Manager, which")
    credentials = read_agent_credentials(agent, checked)  # Its step would fail likewise.
    has_key = checked.has_key(sole_secrets(agent))
    if not (has_key or checked.agent_credentials or default):
        named = credentials_in(agent, {**os.environ, **checked.env})
        if named is not None:
            request, has_key = {**request, "agent_credentials": named}, True
        elif agent.login is None and agent.secret_names:
            raise missing_credentials(agent, {**os.environ, **checked.env})
    if agent.login is not None and agent.needs_login(has_secret=has_key):
        require_boto3("The identity provider of a login")
    return request, _remark(checked, credentials)


def _remark(checked: Request, credentials: AgentCredentials) -> str:
    weak = [name for name in checked.secrets if not worth_masking(credentials.given[name])]
    if not weak:
        return ""
    verb = "is" if len(weak) == 1 else "are"
    return f"{', '.join(weak)} {verb} too short or too common to be masked in logs and kept out of pushes."


def _check_reference(reference: str) -> None:
    """Raises UsageError for a key where its name belongs, for every agent: requests are kept."""
    if _is_in_aws(reference):
        check_secret_id(reference)


def _is_in_aws(reference: str) -> bool:
    return reference not in {"", "none"} and not reference.startswith(("env:", "file:"))
