"""The request to 'stepherd init': checked before anything is done, and completed by questions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Final

import click

from stepherd.cli.deploy.agent_keys import AgentKeys, ask_for_keys, needs_key
from stepherd.cli.deploy.git_access import GitAccess, ask_for_access, bound_access
from stepherd.cli.deploy.parameter_values import check_value
from stepherd.cloud.image_source import build_arguments
from stepherd.errors import ConfigurationError, UsageError
from stepherd.repositories.binding import read_hosts, typed_host

__all__ = ["InitRequest", "checked_request", "completed", "parse_parameters"]

DEFAULT_SECRET: Final = "amazon-q-headless/git-credentials"  # noqa: S105 - a name
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+[.][^@\s]+")
_IMAGES: Final = frozenset({"GitImage", "AgentImage"})
_OURS: Final = dict.fromkeys(_IMAGES, "--no-image, which allows it") | {"LoginEmail": "--email"}


@dataclass(frozen=True, slots=True)
class InitRequest:
    """Everything that can be said to init. None: unsaid, what the stack has stays."""

    parameters: Mapping[str, str]
    git: GitAccess
    hosts: str | None
    """Of the token or key, as they were given."""
    email: str | None
    arguments: str | None
    """Of the image's build."""
    image: bool
    api_key: bool
    keys: AgentKeys = field(default_factory=AgentKeys)
    """The keys that agents log in with."""
    agents: tuple[str, ...] = ()
    """Those that were named for the image."""
    wait_for_runs: bool = False
    """Before a stack that is there is changed."""

    def bound(self, had: Mapping[str, str], *, secret_there: bool, ask: bool) -> InitRequest:
        """With the hosts of the token. Raises UsageError and ConfigurationError."""
        likely = typed_host(self.parameters.get("DefaultRepo", had.get("DefaultRepo", "")))
        access = bound_access(self.git, self.hosts, secret_there=secret_there, likely=likely, ask=ask)
        return replace(self, git=access)

    def stack_parameters(self, had: Mapping[str, str], *, secret_there: bool) -> dict[str, str]:
        """Return the parameters to set; ``had`` are those that the stack has, empty for a new one."""
        said = dict(self.parameters)
        if self.email is not None:
            said["LoginEmail"] = self.email
        if "GitCredentialsSecretId" in said:
            return said
        if self.git.choice == "given":
            said["GitCredentialsSecretId"] = had.get("GitCredentialsSecretId") or DEFAULT_SECRET
        elif self.git.choice == "none" or (not had and not secret_there):
            said["GitCredentialsSecretId"] = ""
        return said

    @property
    def keyless(self) -> tuple[str, ...]:
        """The agents for the image that need a key, and were given none."""
        return tuple(name for name in self.agents if needs_key(name) and name not in self.keys.agents)

    def secret_name(self, had: Mapping[str, str]) -> str:
        """The secret that is for git's credentials, whether it is used or not."""
        return (
            self.parameters.get("GitCredentialsSecretId")
            or had.get("GitCredentialsSecretId")
            or DEFAULT_SECRET
        )


def checked_request(
    template: Mapping[str, Any],
    *,
    git: GitAccess,
    hosts: str | None,
    parameters: Sequence[str],
    email: str | None,
    agents: str | None,
    image: bool,
    api_key: bool,
    keys: AgentKeys,
    wait_for_runs: bool,
) -> InitRequest:
    """The request. Raises UsageError for what is not acceptable, ConfigurationError without bcrypt."""
    if email and not _MAIL.fullmatch(email):
        raise UsageError(f"'{email}' is not a mail address.", remedy="Give one, or leave --email out.")
    if agents is not None and not image:
        raise UsageError("--agents and --no-image do not go together.", remedy="Give one of them.")
    if api_key:
        _need_bcrypt()
    if hosts:
        _check_hosts(hosts)
    names = None if agents is None else _names(agents)
    arguments = None if names is None else build_arguments(names)
    chosen = tuple(name.partition("=")[0] for name in names or ())
    said = parse_parameters(template, parameters, images=not image)
    return InitRequest(said, git, hosts, email, arguments, image, api_key, keys, chosen, wait_for_runs)


def _check_hosts(text: str) -> None:
    try:
        read_hosts(text)
    except ConfigurationError as error:
        raise UsageError(error.message, remedy=error.remedy) from error


def parse_parameters(
    template: Mapping[str, Any], texts: Sequence[str], *, images: bool = False
) -> dict[str, str]:
    """``NAME=VALUE`` of the template's parameters; ``images``: the tasks' too. Raises UsageError."""
    declared = template["Parameters"]
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name not in declared:
            known = ", ".join(sorted(declared))
            raise UsageError(
                f"'{name}' is not a parameter of the stack.", remedy=f"NAME=VALUE with one of: {known}."
            )
        if name in _OURS and not (images and name in _IMAGES):
            raise UsageError(f"{name} is set by init itself.", remedy=f"See {_OURS[name]}.")
        check_value(name, declared[name], value)
        found[name] = value
    return found


def completed(request: InitRequest, had: Mapping[str, str], *, secret_there: bool) -> InitRequest:
    """Ask at the terminal for anything that is neither given nor stored."""
    if request.git.choice == "unsaid" and not secret_there and not request.hosts:
        request = replace(request, git=ask_for_access())
    request = request.bound(had, secret_there=secret_there, ask=True)
    if request.email is None and not had.get("LoginEmail"):
        mail = click.prompt("Mail address for login approvals (empty: none)", default="",
                            show_default=False, err=True, value_proc=_mail)  # fmt: skip
        request = replace(request, email=mail or None)
    if (
        request.image
        and request.arguments is None
        and "/" not in had.get("AgentImage", "").partition("stepherd/")[0]
    ):
        words = "Agents in the image (claude, codex, opencode; empty: none)"
        names = click.prompt(words, default="", show_default=False, err=True, value_proc=_agents)
        chosen = tuple(name.partition("=")[0] for name in names)
        request = replace(request, arguments=build_arguments(names), agents=chosen)
    if not request.keys.fields and not had.get("AgentCredentialsSecretId"):
        request = replace(request, keys=ask_for_keys(request.agents))
    return request


def _mail(text: str) -> str:
    if text and not _MAIL.fullmatch(text):
        raise click.UsageError("that is not a mail address")
    return text


def _names(text: str) -> list[str]:
    return [name for name in re.split(r"[,\s]+", text) if name]


def _agents(text: str) -> list[str]:
    try:
        build_arguments(_names(text))
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    return _names(text)


def _need_bcrypt() -> None:
    if find_spec("bcrypt") is None:
        raise ConfigurationError(
            "API keys need bcrypt, which is not installed.",
            remedy="Run: pip install 'stepherd[aws]', or give --no-api-key",
        )
