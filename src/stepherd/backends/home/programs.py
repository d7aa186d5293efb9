"""Programs that a run needs on this machine: what is not there is said before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepherd.agents.command_line import split_command
from stepherd.agents.registry import get_agent
from stepherd.errors import ConfigurationError
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.runs.request import Request

__all__ = ["agent_programs", "check_installed"]


def agent_programs(request: Request) -> Iterator[str]:
    """The programs that the agent is started with, but for one in the workspace, which is not there yet."""
    yield from get_agent(request.agent).binaries
    program = split_command(request.command, "--command")[0] if request.command else ""
    if program and ("/" not in program or program.startswith("/")):
        yield program


def check_installed(request: Request, path: str) -> None:
    """Look for the agent's programs in ``path``, which is that of tasks. Raises ConfigurationError."""
    for program in agent_programs(request):
        if shutil.which(program, path=path) is None:
            raise ConfigurationError(
                f"The agent '{request.agent}' needs the program '{program}', which is not installed here.",
                remedy=Remedy("Install it, see '", ("agents",), "', or choose another agent."),
            )
