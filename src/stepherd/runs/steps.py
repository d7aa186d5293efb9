"""The steps of a run, with all that is known of each outside its own module in ``stepherd.steps``.

A new step is a module there and a line here, beside its state in the state machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["STEPS", "StepFacts", "step_of_state"]


@dataclass(frozen=True, slots=True)
class StepFacts:
    """All that other modules know of a step."""

    name: str
    state: str
    """The state of the pipeline that it is the work of."""
    seconds: int | None = None
    """TimeoutSeconds of that state; None: they follow from the request, or the step is a function."""
    other_states: tuple[str, ...] = ()
    """States that do the same work, whose failures its result tells of."""
    repository: Literal["untouched", "read", "written"] = "untouched"
    """The access of its container to a repository on this machine's disk."""
    in_container: bool = True
    """Whether it is a module of ``stepherd.steps``; otherwise it is a function."""


STEPS: Final = {
    step.name: step
    for step in (
        StepFacts("prepare", "PrepareRun", in_container=False),
        StepFacts("clone", "CloneRepository", 1800, repository="read"),
        StepFacts("agent", "RunAgent"),
        StepFacts("push", "CommitAndPush", 1800, ("PushPartialWork",), repository="written"),
        StepFacts("persist", "PersistDatabase", 600),
    )
}
"""By name, in the order in which a run comes through them."""


def step_of_state(state: str) -> str | None:
    """The name of the step that a state is the work of; None for other states."""
    return next((s.name for s in STEPS.values() if state in (s.state, *s.other_states)), None)
