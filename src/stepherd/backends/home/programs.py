"""Programs that a run needs on this machine: what is not there is said before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepherd.agents.command_line import split_command
from stepherd.agents.registry import get_agent
from stepherd.errors import ConfigurationError
from stepherd.remedies import Remedy
from stepherd.services.program_path import hidden_program, hides

if TYPE_CHECKING:
    from stepherd.runs.request import Request

__all__ = ["agent_programs", "check_given_path", "check_installed"]


def agent_programs(request: Request) -> Iterator[str]:
    """The programs that the agent is started with, but for one in the workspace, which is not there yet."""
    yield from get_agent(request.agent).binaries
    yield from _programs_of(request.command)


def _programs_of(line: str | None) -> Iterator[str]:
    """The program of a command line, unless it is a path in the workspace, which is not there yet."""
    program = split_command(line, "the run")[0] if line else ""
    if program and ("/" not in program or program.startswith("/")):
        yield program


def check_installed(request: Request, path: str) -> None:
    """Look in ``path``, which is that of tasks, for the agent's programs, and for that of the verify command:
    after the agent it would be found out too late. Raises ConfigurationError."""
    for program in agent_programs(request):
        if shutil.which(program, path=path) is None:
            raise ConfigurationError(
                f"The agent '{request.agent}' needs the program '{program}', which is not installed here.",
                remedy=Remedy("Install it, see '", ("agents",), "', or choose another agent."),
            )
    for program in _programs_of(request.verify):
        if shutil.which(program, path=path) is None:
            raise ConfigurationError(
                f"The verify command needs the program '{program}', which is not installed here.",
                remedy="Check its name, or install it.",
            )


def check_given_path(request: Request, path: str) -> None:
    """Look for the same programs in the PATH that the request gives the agent, where it does.

    ``path`` is that of tasks. Raises ConfigurationError."""
    given = request.env.get("PATH")
    if given is None:
        return
    who = f"The agent '{request.agent}'"
    wanted = [(who, program) for program in agent_programs(request)]
    wanted += [("The verify command", program) for program in _programs_of(request.verify)]
    for who, program in wanted:
        if hides(given, program):
            raise hidden_program(who, program, shutil.which(program, path=path))
