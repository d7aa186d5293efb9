"""Where a repository keeps its contents of Git LFS (git-lfs: docs/api/server-discovery.md).

Over HTTP that is below the repository's own address; an SSH server says it when asked; a repository on this
machine has a folder. A server on another host that .lfsconfig names is not gone to: the credentials are for
this one.
"""

from __future__ import annotations

import base64
import os
import shlex
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from stepherd.errors import StepherdError
from stepherd.repositories.failures import server_words
from stepherd.repositories.git import Git
from stepherd.repositories.hosts import is_loopback, objection
from stepherd.repositories.lfs_folder import LfsFolder
from stepherd.repositories.lfs_pointer import LfsRefused
from stepherd.repositories.lfs_route import Route
from stepherd.repositories.lfs_server import LfsServer
from stepherd.repositories.local import open_local
from stepherd.repositories.process import OutputTooLong, TimeExpired, run_bounded
from stepherd.repositories.remote import Remote
from stepherd.services.json_text import read_json

__all__ = ["find_endpoint"]

_CONFIG: Final = ".lfsconfig"
_ANOTHER: Final = f"is another one, which {_CONFIG} names and the credentials are not for"
_SECONDS: Final = 60.0


def find_endpoint(remote: Remote, local: Git, base: str) -> LfsServer | LfsFolder:
    """Where contents of ``remote`` go, as the tree of ``base`` has it.

    Raises LfsRefused when nothing of ours may or can go there.
    """
    repository = remote.repository
    if repository.kind == "file":
        return LfsFolder(open_local(Path(repository.path), remote.git).common_dir / "lfs" / "objects")
    named = _named(local, base)
    if repository.kind == "ssh":
        if named is not None:
            raise LfsRefused(_ANOTHER)
        return _asked_over_ssh(remote)
    url = named or remote.url.rstrip("/").removesuffix(".git") + ".git/info/lfs"
    try:
        is_own = _origin(url) == _origin(remote.url)
    except ValueError:
        raise LfsRefused(f"is at an address in {_CONFIG} that is invalid") from None
    if not is_own:
        raise LfsRefused(_ANOTHER)
    headers, secrets = _credentials(remote.git, url)
    git = remote.git
    return LfsServer(url, headers, Route(git), (*git.access.secrets, *secrets), git.limits.quiet_seconds)


def _named(git: Git, base: str) -> str | None:
    """The address that the base's .lfsconfig names."""
    for key in ("lfs.pushurl", "lfs.url"):
        finished = git.attempt("Reading the settings of Git LFS", "config", f"--blob={base}:{_CONFIG}", key)
        if finished.code == 0:
            return finished.out.decode("utf-8", "replace").strip().rstrip("/")
    return None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _credentials(git: Git, url: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The header with what git would send to ``url``, and what is secret in it."""
    parts = urlsplit(url)
    question = f"protocol={parts.scheme}\nhost={parts.netloc}\npath={parts.path.lstrip('/')}\n\n".encode()
    finished = git.attempt("Looking for credentials", "credential", "fill", stdin=question, network=True)
    answer = dict(
        line.split("=", 1)
        for line in finished.out.decode("utf-8", "surrogateescape").splitlines()
        if "=" in line
    )
    if finished.code != 0 or not answer.get("password"):
        return {}, ()
    pair = f"{answer.get('username', '')}:{answer['password']}".encode("utf-8", "surrogateescape")
    word = base64.b64encode(pair).decode()
    return {"Authorization": f"Basic {word}"}, (answer["password"], word)


def _asked_over_ssh(remote: Remote) -> LfsServer:
    git, address = remote.git, remote.repository.url
    command = shlex.split(git.access.environment.get("GIT_SSH_COMMAND", "ssh"))
    if "://" in address:
        parts = urlsplit(address)
        user = f"{parts.username}@" if parts.username else ""
        port = ["-p", str(parts.port)] if parts.port else []
        where, path = [*port, "--", f"{user}{parts.hostname}"], parts.path
    else:
        host, _, path = address.partition(":")
        where = ["--", host]
    try:
        with Path(os.devnull).open("rb") as nothing:
            finished = run_bounded(
                [*command, *where, f"git-lfs-authenticate {shlex.quote(path)} upload"],
                environment=git.environment(),
                folder=git.scratch,
                stdin=nothing,
                seconds=_SECONDS,
                output_limit=1 << 20,
            )
        answer = read_json(finished.out) if finished.code == 0 else None
    except (TimeExpired, OutputTooLong, ValueError, OSError, StepherdError):
        answer = None
    href = answer.get("href") if isinstance(answer, dict) else None
    if not isinstance(href, str):
        raise LfsRefused("does not say over SSH where its Git LFS is")
    return _server_at(href, (answer or {}).get("header"), git)


def _server_at(href: str, given: object, git: Git) -> LfsServer:
    try:
        parts = urlsplit(href)
    except ValueError:
        raise LfsRefused("names an address that is invalid") from None
    host = parts.hostname or ""
    may_be_here = os.environ.get("STEPHERD_ALLOW_LOOPBACK_REMOTES") == "1"
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    reason = objection(host, allow_loopback=may_be_here) if encrypted else "it is not encrypted"
    if reason is not None or "@" in parts.netloc:
        raise LfsRefused(f"names an address that is refused: {server_words(reason or 'it holds a user')}")
    headers = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    secrets = (*git.access.secrets, *headers.values())
    return LfsServer(href.rstrip("/"), headers, Route(git), secrets, git.limits.quiet_seconds)
