"""How the tasks on AWS get at repositories: asked for without echo, or read from file or environment."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import click

from stepherd.errors import ConfigurationError, DataError, UsageError
from stepherd.repositories.binding import host_by_prefix, read_hosts
from stepherd.services.secrets.local import read_local_secret

__all__ = ["GitAccess", "TOKEN_VARIABLE", "ask_for_access", "bound_access", "given_access"]

TOKEN_VARIABLE: Final = "STEPHERD_GIT_TOKEN"  # noqa: S105 - a name
_MOST_CHARACTERS: Final = 32_768
_MAGIC: Final = b"openssh-key-v1\0"

Choice = Literal["given", "none", "unsaid"]


@dataclass(frozen=True, slots=True)
class GitAccess:
    """The choice, with the fields of the secret where something was given."""

    choice: Choice
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def words(self) -> str:
        """A description for the person who deploys."""
        if self.choice == "given":
            kinds = {"ssh_key": "an SSH key", "token": "a token"}
            kind = next((words for key, words in kinds.items() if key in self.fields), "the stored one")
            return f"{kind}, for {self.fields['hosts']}" if "hosts" in self.fields else kind
        return "none: public repositories can be read, but nothing can be pushed"


def given_access(token_file: str | None, key_file: str | None, *, none: bool) -> GitAccess:
    """Return the git access that the flags or the environment choose. Raises UsageError, DataError,
    CredentialsError."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    said = [word for word, given in (
        ("--git-token-file", token_file), ("--git-ssh-key-file", key_file), ("--no-git", none),
    ) if given]  # fmt: skip
    if len(said) > 1:
        raise UsageError(f"{' and '.join(said)} do not go together.", remedy="Give one of them.")
    if none:
        return GitAccess("none")
    if key_file:
        return GitAccess("given", _key(_read(key_file), key_file))
    if token_file:
        return GitAccess("given", _token(_read(token_file), token_file))
    if token:
        return GitAccess("given", _token({"token": token}, TOKEN_VARIABLE))
    return GitAccess("unsaid")


def bound_access(
    access: GitAccess, hosts: str | None, *, secret_there: bool, likely: str | None, ask: bool
) -> GitAccess:
    """``access`` with the hosts that it is for: ``hosts``, else those of its file, else what it says itself.

    ``hosts`` alone are for the secret that is there. ``likely`` is the host of the stack's default
    repository. With ``ask`` a person is asked for the hosts of a token. Raises UsageError when there are none
    for a token, and ConfigurationError for what are not hosts.
    """
    if access.choice == "unsaid" and hosts and secret_there:
        return GitAccess("given", {"hosts": ", ".join(read_hosts(hosts))})
    if access.choice != "given":
        if hosts:
            raise UsageError("--git-hosts is for a token or a key.", remedy="Give --git-token-file, too.")
        return access
    token, said = access.fields.get("token", ""), hosts or access.fields.get("hosts")
    if token and not said:
        said = host_by_prefix(token) or likely
        if ask:
            words = "Hosts that the token is for, separated by commas"
            said = click.prompt(words, default=said, err=True, value_proc=_hosts)
    if said:
        return replace(access, fields={**access.fields, "hosts": ", ".join(read_hosts(said))})
    if token:
        raise UsageError(
            "The token does not say which hosts it is for.",
            remedy="Add --git-hosts HOST, because anyone who starts a run can name any repository.",
        )
    return access


def _hosts(text: str) -> str:
    try:
        return ", ".join(read_hosts(text))
    except ConfigurationError as error:
        raise click.UsageError(error.message) from error


def ask_for_access() -> GitAccess:
    """Ask at the terminal; what is typed is not shown."""
    how = click.prompt(
        "Git access of the tasks", type=click.Choice(["token", "ssh", "none"]), default="none", err=True
    )
    if how == "token":
        token = click.prompt("Token (not shown)", hide_input=True, err=True)
        return GitAccess("given", _token({"token": token}, "The input"))
    if how == "ssh":
        path = click.prompt("File of the private key", default="~/.ssh/id_ed25519", err=True)
        return GitAccess("given", _key(_read(path), path))
    return GitAccess("none")


def _read(path: str) -> dict[str, str]:
    """A bare token or key as ``{"token": …}``, or the JSON object that the secret should be."""
    # The same care as for any secret in a file: no device, no endless pipe, and no error quotes it.
    return read_local_secret(f"file:{Path(path).expanduser()}")


def _token(raw: Mapping[str, str], where: str) -> dict[str, str]:
    token = raw.get("token", "").strip()
    if "PRIVATE KEY" in token:
        raise DataError(f"{where} holds a private key.", remedy="Give it with --git-ssh-key-file.")
    if not token or not token.isprintable() or " " in token or len(token) > _MOST_CHARACTERS:
        raise DataError(f"{where} holds no token: it is one word.", remedy="Give the token alone.")
    return {**raw, "token": token}


def _key(raw: Mapping[str, str], where: str) -> dict[str, str]:
    others = {name: value for name, value in raw.items() if name != "token"}
    key = raw.get("ssh_key") or raw.get("token", "")
    if "PRIVATE KEY-----" not in key:
        raise DataError(f"{where} holds no private key.", remedy="Name the file without .pub.")
    if _has_passphrase(key):
        raise DataError(
            f"The key in {where} has a passphrase, and a task cannot ask for it.",
            remedy="Create a key for Stepherd: ssh-keygen -t ed25519 -N '' -f stepherd_key",
        )
    return {**others, "ssh_key": f"{key.strip()}\n"}


def _has_passphrase(key: str) -> bool:
    """By the header of PEM, or the cipher's name in OpenSSH's own format (openssh-key-v1, PROTOCOL.key)."""
    if "ENCRYPTED" in key:
        return True
    body = "".join(line for line in key.splitlines() if line and not line.startswith("-----"))
    try:
        decoded = base64.b64decode(body)
    except ValueError:
        return False
    return decoded.startswith(_MAGIC) and not decoded[len(_MAGIC) + 4 :].startswith(b"none")
