"""The proof of a run's success: the push of this very work, which the push step has read from the remote.

The step reads the ref of the execution's repository and branch each time that it runs. Here its result is
held against the work and the request, so that a result that is about something else counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from stepherd.errors import StepherdError
from stepherd.remedies import RUN, Remedy

if TYPE_CHECKING:
    from stepherd.runs.request import Request
    from stepherd.runs.result import Result

__all__ = ["SuccessNotProven", "check_success", "without_foreign_push"]


class SuccessNotProven(StepherdError):
    """The results in the run folder do not show that what was asked for has been done."""

    category = "unproven"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The success of the run is not proven: {why}.",
            remedy=Remedy("Fetch the agent's work with: ", ("pull", RUN), ", or start a new run."),
        )


def without_foreign_push(results: Mapping[str, Result], request: Request | None) -> dict[str, Result]:
    """``results`` without the facts of a push that is not about the agent's work, or was never asked for.

    The push step says which work it pushed by the moment at which the agent's step ended. An agent that
    writes such a result itself cannot know that moment.
    """
    agent, push = results.get("agent"), results.get("push")
    unwanted = request is not None and request.push == "none"
    if push is None or (_is_about(push, agent) and not unwanted):
        return dict(results)
    return {**results, "push": replace(push, facts={})}


def check_success(results: Mapping[str, Result], request: Request) -> None:
    """Whether ``results`` show a success of ``request``. Raises SuccessNotProven."""
    agent, push = results.get("agent"), results.get("push")
    if agent is None or not agent.succeeded:
        raise SuccessNotProven("there is no result of an agent that succeeded")
    nothing = not agent.facts.get("bundle") or agent.facts.get("nothing_to_push")
    if request.push == "none" or nothing:
        return
    if push is None or not push.succeeded or not _is_about(push, agent):
        raise SuccessNotProven("there is no result of a push of the agent's work")
    if push.facts.get("branch") != request.branch or not push.facts.get("commit"):
        raise SuccessNotProven(f"the push was not to the branch '{request.branch}'")


def _is_about(push: Result, agent: Result | None) -> bool:
    finished = None if agent is None else agent.finished
    return "agent_finished" in push.facts and push.facts["agent_finished"] == finished
