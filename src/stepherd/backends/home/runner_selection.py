"""Which runner a run gets on this machine, found out while other things are being looked into."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.agents.command_line import split_command
from stepherd.backends.home.container_runtime import RuntimeCheck
from stepherd.backends.home.programs import agent_programs
from stepherd.engine.runners.choice import AS_PROCESSES, CONTAINER_RUNNERS, SANDBOX, RunnerChoice
from stepherd.engine.runners.processes import interpreter_path
from stepherd.errors import ConfigurationError, StepherdError, UsageError
from stepherd.processes.account import agent_account
from stepherd.processes.sandbox.bubblewrap import find_bubblewrap
from stepherd.processes.sandbox.layout import Layout, person_of, sandbox_view
from stepherd.processes.sandbox.probe import Probe
from stepherd.processes.sandbox.remedies import not_installed
from stepherd.processes.sandbox.view import find_program

if TYPE_CHECKING:
    from stepherd.backends.home.container_runtime import RuntimeCheck
    from stepherd.processes.account import Account
    from stepherd.processes.sandbox.layout import Person
    from stepherd.processes.sandbox.probe import Probe
    from stepherd.processes.sandbox.view import View
    from stepherd.runs.request import Request

__all__ = ["RunnerSelection", "check_programs", "default_runner", "unseen_folders"]

_OTHERWISE: Final = "To hide this note: --runner process, or STEPHERD_RUNNER=process."


def default_runner(home: Path) -> tuple[RunnerChoice, StepherdError | None]:
    """The runner of a run that names none, and why it is no sandbox. To be called in the main thread."""
    selection = RunnerSelection.begin(home, None, "on")
    return selection.choice, selection.obstacle


@dataclass(slots=True)
class RunnerSelection:
    """A choice that is being made: until the end of its ``with``."""

    requested: RunnerChoice | None
    network: str
    _probe: Probe | None = None
    _runtime: RuntimeCheck | None = None
    _obstacle: StepherdError | None = None

    @classmethod
    def begin(cls, home: Path, requested: RunnerChoice | None, network: str) -> RunnerSelection:
        """Look for a sandbox, unless another runner was ``requested``. The main thread's."""
        selection = cls(requested, network)
        if requested is None or requested.runner == SANDBOX:
            try:
                selection._probe = _begin_probe(home, network)
            except StepherdError as error:
                selection._obstacle = error
        elif requested.runner in CONTAINER_RUNNERS and network == "on":
            selection._runtime = RuntimeCheck(requested.runner)
        elif network != "on":
            raise UsageError(
                f"The network can only be limited in a sandbox, not with --runner {requested.runner}.",
                remedy="Leave --network out, or use --runner sandbox.",
            )
        return selection

    @property
    def obstacle(self) -> StepherdError | None:
        """Why there is no sandbox; waits until that is known. None where one was not looked for."""
        if self._probe is not None:
            self._obstacle = self._probe.failure()
            self._probe = None
        return self._obstacle

    def __enter__(self) -> RunnerSelection:
        return self

    def __exit__(self, *_error: object) -> None:
        """Wait for the look that was begun, so that nothing of it is left when the run is refused."""
        _ = self.obstacle
        if self._runtime is not None:
            self._runtime.wait()

    @property
    def choice(self) -> RunnerChoice:
        """The runner. Raises what stands in the way of a sandbox that is wanted, be it for its network, and
        ConfigurationError for a container program that does not answer."""
        if self._runtime is not None:
            self._runtime.check()
        if self.requested is not None and self.requested.runner in ("process", *CONTAINER_RUNNERS):
            return self.requested
        if self.obstacle is None:
            return RunnerChoice(SANDBOX)
        if self.requested is not None or self.network != "on":
            raise self.obstacle
        return AS_PROCESSES

    def remark(self) -> str:
        """A note about the choice before the run starts; empty when there is nothing."""
        if self.requested is not None or self.obstacle is None or os.environ.get("STEPHERD_AGENT_USER"):
            return ""
        why = str(self.obstacle).rstrip(".")
        return f"The agent runs as you, without a sandbox: {why}. {_OTHERWISE}"


def check_programs(home: Path, request: Request) -> None:
    """Look for the run's programs as its sandbox will. Raises ConfigurationError naming one that is found on
    this machine and would not be found there; what is not there at all is the run's to say."""
    path, view = _outlook(home)
    for program in _programs(request):
        outside = find_program(program, path)
        if outside is not None and find_program(program, path, view) is None:
            raise ConfigurationError(
                f"'{program}' is {outside} on this machine, which a sandbox does not show.",
                remedy="Install it for all users (/usr/local), or use --runner process.",
            )


def unseen_folders(home: Path) -> list[Path]:
    """The folders of PATH that a sandbox does not show."""
    path, view = _outlook(home)
    folders = [Path(entry) for entry in dict.fromkeys(path.split(os.pathsep)) if entry]
    return [folder for folder in folders if os.access(folder, os.R_OK) and not view.shows(folder)]


def _outlook(home: Path) -> tuple[str, View]:
    """PATH as tasks have it, and what the sandbox of a run would show."""
    nowhere = home / "tasks" / "none"
    layout = Layout(*(nowhere / name for name in ("workspace", "home", "tmp", "instructions")))
    path = interpreter_path()
    return path, sandbox_view(layout, _person(home, path), account=_account())


def _programs(request: Request) -> Iterator[str]:
    yield from agent_programs(request)
    program = split_command(request.verify, "--verify")[0] if request.verify else ""
    if program and ("/" not in program or program.startswith("/")):  # Else it is the workspace's.
        yield program


def _begin_probe(home: Path, network: str) -> Probe:
    if not sys.platform.startswith("linux"):
        raise ConfigurationError("A sandbox needs Linux.", remedy="See docs/not-verified.md.")
    account = _account()
    if account is None and os.getuid() == 0:
        raise ConfigurationError(
            "A sandbox is no boundary for root.",
            remedy="Run as another user, or name one for agents with STEPHERD_AGENT_USER.",
        )
    bubblewrap = find_bubblewrap(beware=(Path.cwd(), home, Path("~").expanduser()))
    if bubblewrap is None:
        raise not_installed()
    person = _person(home, os.environ.get("PATH", os.defpath))
    return Probe(bubblewrap, person, "on" if network == "on" else "off", account).begin()


def _account() -> Account | None:
    return agent_account()


def _person(home: Path, path: str) -> Person:
    return person_of(str(Path("~").expanduser()), path, (home,))
