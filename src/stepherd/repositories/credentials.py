"""Credentials for one remote, on disk only for as long as one call lasts.

A token is kept in files of mode 0600 inside a private folder; git sends it with its first request, or gets it
from a credential helper. Both are bound to the repository's own scheme, host and port, so no redirect and no
other host can ask for it. It is never in an argument, a URL, the environment or a repository's configuration.
An SSH key is such a file too; ssh runs with its own fixed options and without the person's ssh configuration.

Without a token or key, git's own credentials count: the ssh agent and configuration, and the credential
helpers of the person's git configuration (``own``).
"""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from stepherd.errors import ConfigurationError, CredentialsError
from stepherd.repositories.address import Repository
from stepherd.repositories.binding import allowed_hosts, name_of, normal_host, read_hosts, token_host
from stepherd.repositories.config_text import config_text
from stepherd.repositories.own import OwnSettings, own_home, read_own_settings
from stepherd.repositories.way_out import proxy_secrets, way_out
from stepherd.services.secrets.contract import has_parts
from stepherd.text.plain import is_unsafe

__all__ = ["Access", "GitCredentials", "Identity", "commit_identity", "prepare_access"]

_KEYS: Final = ("token", "username", "ssh_key", "known_hosts", "name", "email", "hosts")
_SECRET_LINE: Final = 20  # shorter words of a key are its frame
_DEFAULT_USERNAME: Final = "x-access-token"
_SSH: Final = (
    "BatchMode=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "UpdateHostKeys=no",
)
_SSH_WITH_KEY: Final = (
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "GlobalKnownHostsFile=/dev/null",
    "ProxyCommand=none",
)


@dataclass(frozen=True, slots=True)
class GitCredentials:
    """The git credentials secret. ``token`` serves https, ``ssh_key`` ssh; name and email sign the commit."""

    token: str | None = field(default=None, repr=False)
    username: str | None = None
    ssh_key: str | None = field(default=None, repr=False)
    known_hosts: str | None = None
    name: str | None = None
    email: str | None = None
    hosts: tuple[str, ...] = ()
    """The hosts that the token and the key are for. Empty: a key is for every host, since it is never sent; a
    token for that of its prefix, and for ``owner_hosts``."""
    owner_hosts: tuple[str, ...] = ()
    """Hosts that the token's owner has named elsewhere, by typing a repository's address."""
    refused: bool = False
    """Whether git's own credentials do not count either."""

    @classmethod
    def from_secret(
        cls, secret: Mapping[str, str] | None, *, owner_hosts: Iterable[str | None] = ()
    ) -> GitCredentials:
        """From the secret's JSON object; None means git's own credentials. Other keys are left alone.

        Raises ConfigurationError when a value is no text, when a token or user name spans lines, or when
        ``hosts`` holds something else.
        """
        found: dict[str, Any] = {key: secret.get(key) or None for key in _KEYS} if secret is not None else {}
        for key, value in found.items():
            if value is not None and (not isinstance(value, str) or has_parts(secret or {}, key)):
                raise ConfigurationError(f"The git credentials secret's '{key}' is not text.", remedy=_SHAPE)
        for key in ("token", "username"):
            value = found.get(key)
            if value is not None:
                found[key] = value = value.strip()
                if is_unsafe(value):
                    raise ConfigurationError(
                        f"The git credentials secret's '{key}' contains a control character.", remedy=_SHAPE
                    )
        hosts = read_hosts(found["hosts"]) if found.get("hosts") is not None else ()
        return cls(**{**found, "hosts": hosts}, owner_hosts=tuple(host for host in owner_hosts if host))

    @classmethod
    def none(cls) -> GitCredentials:
        """None at all, not even git's own."""
        return cls(refused=True)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must be in no message and no commit: the token, and the lines of the key."""
        key = self.ssh_key or ""
        lines = [line for line in key.split() if len(line) >= _SECRET_LINE]
        return (*((self.token,) if self.token is not None else ()), *lines)

    @property
    def own(self) -> bool:
        """Whether git's own credentials count: there is neither a token nor a key."""
        return self.token is None and self.ssh_key is None and not self.refused


_SHAPE: Final = 'Store it as JSON: {"token": "…"} or {"ssh_key": "…", "known_hosts": "…"}.'


@dataclass(frozen=True, slots=True)
class Access:
    """Git's way to reach one remote: its protocol, more environment, a configuration file, secrets to
    mask."""

    protocol: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    config: Path | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """The author of a commit."""

    name: str
    email: str


def commit_identity(credentials: GitCredentials, scratch: Path) -> Identity:
    """The secret's name and email, else those of the person's git configuration, else Stepherd's own."""
    own = OwnSettings()
    if credentials.name is None or credentials.email is None:
        own = read_own_settings(own_home(), scratch)
    return Identity(
        name=credentials.name or own.name or "Stepherd",
        email=credentials.email or own.email or "stepherd@localhost.invalid",
    )


def prepare_access(repository: Repository, credentials: GitCredentials, private: Path) -> Access:
    """Write what git needs into ``private`` (a folder of mode 0700 that the caller removes afterwards)."""
    if repository.kind == "ssh" or credentials.token is None:
        _check_key_host(repository, credentials)
    if repository.kind == "ssh":
        return _ssh_access(credentials, private)
    if repository.kind not in {"https", "http"}:
        return _own_access(repository, private) if credentials.own else Access(protocol=repository.kind)
    if credentials.own:
        return _own_access(repository, private)
    if credentials.token is not None:
        _check_token_host(repository, credentials, credentials.token)
    return _token_access(repository, credentials, private)


def _check_key_host(repository: Repository, credentials: GitCredentials) -> None:
    """A key is used by ssh on whichever port: the host's name decides."""
    names = [name_of(host) for host in credentials.hosts]
    if credentials.own or not names or repository.host is None:
        return
    if name_of(normal_host(repository.host)) in names:
        return
    raise _not_for(", ".join(names), repository.host)


def _check_token_host(repository: Repository, credentials: GitCredentials, token: str) -> None:
    allowed = allowed_hosts(token, credentials.hosts, credentials.owner_hosts)
    asked = token_host(repository)
    if asked in allowed:
        return
    if allowed:
        raise _not_for(", ".join(sorted(allowed)), asked)
    raise CredentialsError(
        f"The git token has no hosts, and its owner has not named {asked}.",
        remedy=f'Store it with its hosts: {{"token": "…", "hosts": "{asked}"}}, or give the address yourself '
        "with --repo.",
    )


def _not_for(hosts: str, asked: str | None) -> CredentialsError:
    return CredentialsError(
        f"The git credentials are for {hosts}, but the repository is on {asked}.",
        remedy="Use credentials for that host with --git-credentials, or add it to 'hosts' in the secret.",
    )


def _token_access(repository: Repository, credentials: GitCredentials, private: Path) -> Access:
    answer, config, settings = private / "credential", private / "gitconfig", list[tuple[str, str]]()
    at_once = ""
    if credentials.token is not None:
        _write_private(
            answer, f"username={credentials.username or _DEFAULT_USERNAME}\npassword={credentials.token}\n"
        )
        parts = urlsplit(repository.url)
        helper = f'!f() {{ test "$1" = get && cat {shlex.quote(str(answer))}; }}; f'
        where = f"{parts.scheme}://{parts.netloc}"
        at_once = _basic(credentials)
        settings = [
            (f"credential.{where}.helper", helper),
            # Else each git asks without it first, and is refused: a round trip for each of them.
            (f"http.{where}/.extraHeader", f"Authorization: Basic {at_once}"),
        ]
    way = _way(repository, read_own_settings(own_home(), private))
    _write_private(config, config_text([*settings, *way]))
    known = (*credentials.secrets, *([at_once] if at_once else []), *proxy_secrets(way))
    return Access(repository.kind, _direct(repository), config, known)


def _basic(credentials: GitCredentials) -> str:
    """The token as HTTP has it (RFC 7617)."""
    pair = f"{credentials.username or _DEFAULT_USERNAME}:{credentials.token}"
    return base64.b64encode(pair.encode()).decode()


def _own_access(repository: Repository, private: Path) -> Access:
    home = own_home()
    own = read_own_settings(home, private)
    config = private / "gitconfig"
    way = _way(repository, own)
    _write_private(config, config_text([*own.settings, *way]))
    # Helpers look for their own files (gh, aws, a keyring) under the person's home.
    environment = _of_person(home) | _direct(repository)
    return Access(repository.kind, environment, config, proxy_secrets(way))


def _way(repository: Repository, own: OwnSettings) -> list[tuple[str, str]]:
    return way_out(own.http, own_home(), proxies=repository.kind == "https")


def _direct(repository: Repository) -> dict[str, str]:
    # http is for this machine alone, and a proxy would carry what is secret away from it in clear.
    return {"no_proxy": "*", "NO_PROXY": "*"} if repository.kind == "http" else {}


def _of_person(home: Path) -> dict[str, str]:
    names = (
        "SSH_AUTH_SOCK",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "USER",
        "LOGNAME",
    )
    return {"HOME": str(home)} | {name: os.environ[name] for name in names if os.environ.get(name)}


def _ssh_access(credentials: GitCredentials, private: Path) -> Access:
    options = [*_SSH]
    command = ["ssh"]
    known = private / "known_hosts"
    _write_private(known, _ended(credentials.known_hosts or ""))
    if credentials.known_hosts is not None:
        options += ["StrictHostKeyChecking=yes", _quoted("UserKnownHostsFile", known)]
    if credentials.own:
        if credentials.known_hosts is None:
            # ssh adds a new host's key to the first file alone: the person's own is read, never written.
            theirs = own_home() / ".ssh" / "known_hosts"
            options += ["StrictHostKeyChecking=accept-new", _quoted("UserKnownHostsFile", known, theirs)]
        environment = {"GIT_SSH_COMMAND": _ssh_command(command, options), **_of_person(own_home())}
        return _with_way(Access("ssh", environment), private)
    if credentials.ssh_key is None:
        raise CredentialsError(
            "The repository is reached by SSH, but the git credentials secret has no ssh_key.",
            remedy="Add ssh_key to the secret, or use the repository's https:// address.",
        )
    key = private / "key"
    _write_private(key, _ended(credentials.ssh_key))
    if credentials.known_hosts is None:
        options += ["StrictHostKeyChecking=accept-new", _quoted("UserKnownHostsFile", known)]
    command += ["-F", os.devnull, "-i", str(key)]
    environment = {"GIT_SSH_COMMAND": _ssh_command(command, [*options, *_SSH_WITH_KEY])}
    return _with_way(Access("ssh", environment, secrets=credentials.secrets), private)


def _with_way(access: Access, private: Path) -> Access:
    """With the way to an https server: a server of Git LFS that is named over SSH is one."""
    way = way_out(read_own_settings(own_home(), private).http, own_home(), proxies=True)
    config = private / "gitconfig"
    _write_private(config, config_text(way))
    return replace(access, config=config, secrets=(*access.secrets, *proxy_secrets(way)))


def _ssh_command(command: list[str], options: list[str]) -> str:
    return shlex.join([*command, *(word for option in options for word in ("-o", option))])


def _quoted(option: str, *paths: Path) -> str:
    return f"{option}=" + " ".join(f'"{path}"' for path in paths)


def _ended(text: str) -> str:
    body = text.replace("\r\n", "\n")
    return body if body.endswith("\n") or not body else body + "\n"


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
