"""The machines that an agent's processes can live on: the step's user, and its means to contain them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig
from tests.users import ORDINARY, make_agent_user

__all__ = ["WORLDS", "World"]

_TASK = ("setpriv", "--bounding-set=-all,+chown,+kill,+setgid,+setuid", "--inh-caps=-all", "--")
"""Root as the agent's task definition has it."""
_DROP = ("setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--")
_NO_NAMESPACES = (sys.executable, str(Path(__file__).with_name("no_namespaces.py")), str(ORDINARY))


@dataclass(frozen=True)
class World:
    """Where a step runs."""

    name: str
    prefix: tuple[str, ...] = ()
    owner: int | None = None
    agent_user: bool = False
    sure: bool = True
    """Whether what forks as fast as it can is surely ended, and an agent cannot kill its supervisor."""

    def environment(self) -> dict[str, str]:
        """Variables that the step gets on top."""
        return {"STEPHERD_AGENT_USER": make_agent_user()} if self.agent_user else {}

    @contextmanager
    def rig(self) -> Iterator[Rig]:
        """A run in it."""
        if (self.prefix or self.agent_user) and os.geteuid() != 0:
            pytest.skip("only root can act as others")
        with Rig.for_every_user() as made:
            yield made

    def enter(self, rig: Rig) -> None:
        """Let the next steps run in it."""
        rig.prefix, rig.owner = self.prefix, self.owner


WORLDS = (
    World("whoever runs the tests, in a namespace"),
    World("an agent's user, in a namespace", agent_user=True),
    World("an agent's user, as in docker and on Fargate", _TASK, agent_user=True),
    World("an ordinary user, in a namespace", _DROP, ORDINARY),
    World("an ordinary user without namespaces", _NO_NAMESPACES, ORDINARY, sure=False),
)
