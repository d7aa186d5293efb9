"""Which hosts git credentials are for, and whether their token says so itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from stepherd.doctor.checkup import Check, Finding
from stepherd.repositories.binding import allowed_hosts, typed_host
from stepherd.repositories.credentials import GitCredentials
from stepherd.services.secrets.opening import read_secret

__all__ = ["TOKEN_CHECK", "binding_finding"]

_REFERENCE: Final = "GIT_CREDENTIALS_SECRET_ID"
_ADD: Final = 'Store it with its hosts: {"token": "…", "hosts": "github.com"}'


def binding_finding(where: str, secret: Mapping[str, str], remedy: str, default_repo: str = "") -> Finding:
    """A finding about the credentials at ``where``; a token without hosts is a warning.

    ``default_repo`` is the address of a stack's default repository. Raises ConfigurationError for a secret
    that cannot be used.
    """
    name, credentials = "git credentials", GitCredentials.from_secret(secret)
    if credentials.hosts:
        return Finding(name, "ok", f"{where}, for {', '.join(credentials.hosts)}")
    if credentials.token is None:
        return Finding(name, "ok", where)
    likely = typed_host(default_repo)
    hosts = sorted(allowed_hosts(credentials.token, (), (likely,) if likely else ()))
    goes = f"to {' and '.join(hosts)}, and" if hosts else "only"
    words = f"The token in {where} is not bound to hosts: it goes {goes} where --repo is typed."
    return Finding(name, "warning", words, remedy)


def _look_at_token(_: Path) -> Iterator[Finding]:
    """The credentials that the environment names, where they are on this machine."""
    reference = os.environ.get(_REFERENCE, "")
    if reference.startswith(("env:", "file:")):
        yield binding_finding(reference, read_secret(reference) or {}, _ADD)


TOKEN_CHECK: Final = Check("git credentials", _look_at_token)
