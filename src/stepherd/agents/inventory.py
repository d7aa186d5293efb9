"""Which agents could work here: what is installed, what they could log in with, what is missing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.agents.credentials import credentials_in, sole_secrets
from stepherd.agents.registry import agent_names, get_agent
from stepherd.agents.versions import version_of
from stepherd.errors import StepherdError
from stepherd.logins.kinds import DATABASE_VARIABLE, DEFAULT_KIND, login_kind
from stepherd.logins.opening import open_location
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.services.store.contract import Store

__all__ = ["AgentState", "Missing", "take_inventory"]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that an agent needs, and how it is got."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class AgentState:
    """The state of one agent here. Nothing is asked over the network but a login that is kept on S3."""

    name: str
    installed: bool
    version: str | None
    """None when it is not installed, has none, or did not say in time."""
    access: str
    """Its way to log in here: a login, a variable, nothing needed; for people."""
    missing: tuple[Missing, ...] = ()

    @property
    def built_in(self) -> bool:
        """Whether it is part of Stepherd, and needs no program of anybody else."""
        return not get_agent(self.name).binaries

    @property
    def ready(self) -> bool:
        """Whether a run could start."""
        return not self.missing


def take_inventory(store: Store | None, environment: Mapping[str, str]) -> list[AgentState]:
    """All agents, each asked for its version at the same time, for five seconds at most.

    ``store`` holds the logins that have no database of their own; ``environment`` is the one in which a run
    would be started. An agent that cannot be asked raises nothing: it counts as missing.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda name: _state(name, store, environment), agent_names()))


def _state(name: str, store: Store | None, environment: Mapping[str, str]) -> AgentState:
    agent = get_agent(name)
    missing = [
        Missing(f"the program '{program}'", agent.install or f"install {program}")
        for program in agent.binaries
        if shutil.which(program, path=environment.get("PATH")) is None
    ]
    version = None
    if agent.binaries and not missing:
        version, problem = _version(agent.binaries[0], environment)
        if problem:
            remedy = agent.install or f"install {agent.binaries[0]} again"
            missing.append(Missing(f"a program '{agent.binaries[0]}' that works ({problem})", remedy))
    access, wanted = _access(agent, store, environment)
    if wanted is not None:
        missing.append(wanted)
    installed = all(shutil.which(program, path=environment.get("PATH")) for program in agent.binaries)
    return AgentState(name, installed, version, access, tuple(missing))


def _version(program: str, environment: Mapping[str, str]) -> tuple[str | None, str]:
    """Its version, and what is wrong with it. It gets a home of its own: it must not touch the user's."""
    with tempfile.TemporaryDirectory(prefix="stepherd-agents-", ignore_cleanup_errors=True) as home:
        try:
            return version_of(program, environment.get("PATH", os.defpath), Path(home)), ""
        except StepherdError as error:
            return None, error.message.rstrip(".")


def _access(agent: Agent, store: Store | None, environment: Mapping[str, str]) -> tuple[str, Missing | None]:
    """Its way to log in, and the thing that is missing for it."""
    if not agent.secret_names and agent.login is None:
        return "needs none", None
    reference = environment.get("AGENT_CREDENTIALS_SECRET_ID") or credentials_in(agent, environment)
    if reference:
        return reference, None
    if agent.login is not None:
        return _login(agent.login, store, environment)
    names = sole_secrets(agent)
    advice = f"export {names[0]}=…, or give each run --agent-credentials REF"
    return "no credentials", Missing(f"one of {', '.join(names)}", advice)


def _login(name: str, store: Store | None, environment: Mapping[str, str]) -> tuple[str, Missing | None]:
    wanted = Missing("a login", Remedy(("login", "--agent", name)))
    reference = environment.get(DATABASE_VARIABLE) if name == DEFAULT_KIND else None
    if not reference and store is None:
        return "not logged in", wanted
    try:
        stored = open_location(login_kind(name), reference or None, store).load()
    except StepherdError as error:
        return f"the login cannot be read: {error.message}", Missing("a login that can be read", error.remedy)
    if stored is None or stored.login.token is None:
        return "not logged in", wanted
    login, token = stored.login, stored.login.token
    until = token.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    if not login.expired(datetime.now(UTC)):
        return f"{login.account} until {until}", None
    if token.refresh_token is not None and login.registration is not None:
        return f"{login.account}, the next run renews it", None
    return f"{login.account}, ended {until}", wanted
