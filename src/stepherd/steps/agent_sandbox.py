"""The sandbox around an agent and the verify command, where the run has one; made of what the step knows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from stepherd.errors import ConfigurationError
from stepherd.processes.reservations import reserve_user
from stepherd.processes.sandbox import SANDBOXED
from stepherd.processes.sandbox.bubblewrap import find_bubblewrap
from stepherd.processes.sandbox.launcher import SandboxLauncher
from stepherd.processes.sandbox.layout import Layout, person_of, sandbox_view
from stepherd.processes.sandbox.network.allowlist import Allowlist, Endpoint, parse_hosts
from stepherd.processes.sandbox.network.egress import Egress
from stepherd.processes.sandbox.remedies import not_installed
from stepherd.repositories.address import parse_repository
from stepherd.runs.network import OPEN, hosts_of
from stepherd.text.enumeration import first_of

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.processes.account import Account
    from stepherd.processes.sandbox.view import Network, View
    from stepherd.processes.tree import Command, Tree
    from stepherd.steps.agent_folders import AgentFolders
    from stepherd.steps.contract import StepContext

__all__ = ["AgentSandbox", "agent_sandbox"]

_MOST_SHOWN: Final = 20
_USUAL_PORTS: Final = {"http": 80, "https": 443}


def agent_sandbox(
    step: StepContext,
    agent: Agent,
    folders: AgentFolders,
    account: Account | None,
    secrets: Mapping[str, str],
    pause: Callable[[float], bool],
) -> AgentSandbox | None:
    """The sandbox of a step's run; None where it has none. ``pause`` as in ``reserve_user``.

    Raises ConfigurationError where the request limits the network and there is no sandbox to do it.
    """
    network = step.request.network or OPEN
    if not os.environ.get(SANDBOXED):
        if network != OPEN:
            raise ConfigurationError(
                f"The run's network is to be '{network}', but its agent has no sandbox.",
                remedy="Start it with --runner sandbox, or without --network.",
            )
        return None
    user_home = os.environ.get("STEPHERD_USER_HOME") or str(Path("~").expanduser())
    private = _private_folders(step)
    bubblewrap = find_bubblewrap(beware=(Path(user_home), folders.root, Path.cwd(), *private))
    if bubblewrap is None:
        raise not_installed()
    allowlist = None
    if network not in (OPEN, "off"):
        allowlist = Allowlist(hosts_of(network), _models(agent, secrets))
    layout = Layout(folders.workspace, folders.home, folders.temporary, folders.instructions)
    person = person_of(user_home, os.environ.get("PATH", os.defpath), private)
    kind: Network = "on" if network == OPEN else "off" if allowlist is None else "proxy"
    view = sandbox_view(layout, person, kind, account)
    return AgentSandbox(bubblewrap, view, account, allowlist, pause)


@dataclass(slots=True)
class AgentSandbox:
    """Starts an agent and what verifies its work, each with a network of its own. See ``Launcher``."""

    bubblewrap: Path
    view: View
    account: Account | None
    allowlist: Allowlist | None
    """None: the network is not limited to hosts."""
    pause: Callable[[float], bool]
    _reservation: int = -1
    _proxies: list[Egress] = field(default_factory=list)

    def start(self, command: Command) -> Tree:
        """Start a command in it. Raises Cancelled when ``pause`` gave up."""
        if self.account is not None and self._reservation < 0:
            # Until this step ends: a run without a sandbox would kill all that this user has.
            self._reservation = reserve_user(self.account.user, alone=False, pause=self.pause)
        egress = None
        if self.allowlist is not None:
            egress = Egress(self.allowlist)
            self._proxies.append(egress)
        return SandboxLauncher(self.bubblewrap, self.view, self.account, egress).start(command)

    @property
    def speaks_to_others(self) -> bool:
        """Whether processes inside can give handles of its folders to processes outside that may use them: by
        sockets without a file (unix(7), abstract), which reach as far as the network. Folders that another
        user owned are taken back from that user."""
        return self.view.network == "on" and self.account is None

    def facts(self) -> dict[str, Any]:
        """For the result: the network, and what was asked for and is not on its list."""
        return {"network": {"kind": self.view.network, "blocked": self._blocked()}}

    def note(self) -> str:
        """For the report: the hosts that were blocked; empty when none was."""
        blocked = self._blocked()
        if not blocked:
            return ""
        shown = first_of(
            blocked, _MOST_SHOWN, lambda each: f"{each['host']}:{each['port']} ({each['times']})"
        )
        return f"Blocked by --network, with how often: {shown}."

    def _blocked(self) -> list[dict[str, Any]]:
        times: Counter[tuple[str, int]] = Counter()
        for proxy in self._proxies:
            times.update({(each.host, each.port): each.times for each in proxy.blocked})
        return [{"host": host, "port": port, "times": count} for (host, port), count in times.most_common()]


def _models(agent: Agent, secrets: Mapping[str, str]) -> tuple[Endpoint, ...]:
    return tuple(_endpoint(where) for where in agent.model_hosts(secrets))


def _endpoint(where: str) -> Endpoint:
    """The host of a URL, at its port alone; a name without a scheme stands for itself."""
    if "://" not in where:
        return parse_hosts(where)[0]
    try:
        url = urlsplit(where)
        port = url.port or _USUAL_PORTS.get(url.scheme)
    except ValueError:
        port = None
    if port is None or not url.hostname:
        raise ConfigurationError(
            "A base URL in the agent's credentials has no host.",
            remedy="Use one such as https://gateway.example/v1.",
        )
    host = url.hostname
    return parse_hosts(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")[0]


def _private_folders(step: StepContext) -> tuple[Path, ...]:
    """The store, the home that it is in, and the repository, where they are on this disk."""
    found: list[Path] = []
    if step.allow_local:
        store = Path(urlsplit(step.folder.reference).path).parents[1]
        found += [store, store.parent] if store.name == "store" else [store]
        repository = parse_repository(step.request.repo)
        if repository.kind == "file":
            found.append(Path(repository.path))
    return tuple(found)
