"""The keys with which agents on AWS log in: read from environment or file, or asked for without echo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click

from stepherd.agents.credentials import sole_secrets
from stepherd.agents.registry import agent_names, get_agent
from stepherd.errors import DataError, UsageError
from stepherd.services.secrets.local import read_local_secret

__all__ = ["AgentKeys", "ask_for_keys", "given_keys", "key_variable", "needs_key"]


@dataclass(frozen=True, slots=True)
class AgentKeys:
    """The content of the stack's secret for agents: environment variables for all its runs."""

    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    agents: tuple[str, ...] = ()
    """The agents that the keys belong to."""

    def secret_name(self, had: Mapping[str, str], stack: str) -> str:
        """The secret that holds them; ``had`` is what the stack has of parameters."""
        return had.get("AgentCredentialsSecretId") or f"{stack}/agents/keys"


def given_keys(texts: Sequence[str]) -> AgentKeys:
    """``AGENT=env:NAME`` and ``AGENT=file:PATH``. Raises UsageError, DataError, CredentialsError."""
    fields: dict[str, str] = {}
    agents: list[str] = []
    for text in texts:
        agent, _, reference = text.partition("=")
        if key_variable(agent) is None:
            known = ", ".join(name for name, _ in _with_keys())
            raise UsageError(
                f"There is no agent '{agent}' with a key.", remedy=f"With keys there are: {known}."
            )
        if not reference.startswith(("env:", "file:")):
            raise UsageError(
                f"The key of '{agent}' must be a reference: other users could see the key itself.",
                remedy=f"Write it like --agent-key {agent}=env:NAME or {agent}=file:PATH.",
            )
        fields |= _read(agent, reference)
        agents.append(agent)
    return AgentKeys(fields, tuple(agents))


def ask_for_keys(agents: Sequence[str]) -> AgentKeys:
    """Ask at the terminal for the key of each agent that has one; what is typed is not shown."""
    fields: dict[str, str] = {}
    asked: list[str] = []
    for agent in agents:
        variable = key_variable(agent)
        if variable is None:
            continue
        words = f"Key of {agent}, {variable} (not shown; or env:NAME, file:PATH; empty: none)"
        typed = click.prompt(words, default="", show_default=False, hide_input=True, err=True).strip()
        if typed:
            known = typed.startswith(("env:", "file:"))
            fields |= _read(agent, typed) if known else _checked(agent, {variable: typed}, "The input")
            asked.append(agent)
    return AgentKeys(fields, tuple(asked))


def key_variable(agent: str) -> str | None:
    """The variable that is an agent's key; None for an agent without one."""
    return dict(_with_keys()).get(agent)


def needs_key(agent: str) -> bool:
    """Whether an agent can do nothing without one: no person can log it in."""
    return agent in agent_names() and key_variable(agent) is not None and get_agent(agent).login is None


def _with_keys() -> Iterator[tuple[str, str]]:
    for name in agent_names():
        variables = sole_secrets(get_agent(name))
        if variables:
            yield name, variables[0]


def _read(agent: str, reference: str) -> dict[str, str]:
    found = read_local_secret(reference)
    if set(found) == {"token"}:
        name = reference.removeprefix("env:")
        variables = sole_secrets(get_agent(agent))
        found = {name if name in variables else variables[0]: found["token"]}
    return _checked(agent, found, reference)


def _checked(agent: str, fields: Mapping[str, str], where: str) -> dict[str, str]:
    """The variables that the agent takes; each value is one line. The errors quote none of it."""
    names = get_agent(agent).secret_names
    kept = {name: value.strip() for name, value in fields.items() if name in names and value.strip()}
    if not kept:
        raise DataError(
            f"{where} has no key for '{agent}' takes.", remedy=f"It takes one of {', '.join(names)}."
        )
    if not all(value.isprintable() and " " not in value for value in kept.values()):
        raise DataError(f"{where} holds no key for '{agent}': it is one word.", remedy="Give the key alone.")
    return kept
