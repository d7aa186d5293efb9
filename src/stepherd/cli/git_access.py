"""How the tasks on AWS get at repositories: asked for without echo, or read from file or environment."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import click

from stepherd.errors import DataError, UsageError

__all__ = ["GitAccess", "TOKEN_VARIABLE", "ask_for_access", "given_access"]

TOKEN_VARIABLE: Final = "STEPHERD_GIT_TOKEN"  # noqa: S105 - a name
_MOST_CHARACTERS: Final = 32_768
_MAGIC: Final = b"openssh-key-v1\0"

Choice = Literal["given", "none", "unsaid"]


@dataclass(frozen=True, slots=True)
class GitAccess:
    """What was chosen, with the fields of the secret where something was given."""

    choice: Choice
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def words(self) -> str:
        """For people."""
        if self.choice == "given":
            return "an SSH key" if "ssh_key" in self.fields else "a token"
        return "none: public repositories can be read, and nothing can be pushed"


def given_access(token_file: str | None, key_file: str | None, *, none: bool) -> GitAccess:
    """What the flags and the environment say. Raises UsageError, DataError, CredentialsError."""
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


def ask_for_access() -> GitAccess:
    """Ask at the terminal; what is typed is not shown."""
    how = click.prompt(
        "Git access of the tasks", type=click.Choice(["token", "ssh", "none"]), default="none", err=True
    )
    if how == "token":
        token = click.prompt("Token (not shown)", hide_input=True, err=True)
        return GitAccess("given", _token({"token": token}, "What was typed"))
    if how == "ssh":
        path = click.prompt("File of the private key", default="~/.ssh/id_ed25519", err=True)
        return GitAccess("given", _key(_read(path), path))
    return GitAccess("none")


def _read(path: str) -> dict[str, str]:
    """A bare token or key as ``{"token": …}``, or the JSON object that the secret shall be."""
    from stepherd.services.secrets_local import read_local_secret

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
            f"The key in {where} has a passphrase, and nobody is there to type it.",
            remedy="Make one for Stepherd: ssh-keygen -t ed25519 -N '' -f stepherd_key",
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
