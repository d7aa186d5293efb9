"""The step ``persist``: keeps the login that an agent refreshed. Only agents with a login have one."""

from __future__ import annotations

from stepherd.agents.registry import get_agent
from stepherd.errors import ConfigurationError
from stepherd.runs.folder import RunFolder
from stepherd.runs.result import Result
from stepherd.steps.contract import Done, StepContext

__all__ = ["holds", "work"]


def work(step: StepContext) -> Done:
    """Nothing for an agent without a login; ConfigurationError for one whose login could not be kept."""
    agent = get_agent(step.request.agent)
    if agent.login is not None:
        raise ConfigurationError(
            f"The login of the agent '{agent.name}' cannot be kept by this version.",
            remedy="Update Stepherd where the task runs.",
        )
    return Done({"persisted": False})


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Never: a database can have changed since."""
    return False
