"""The way to a server: which authorities are trusted, and which proxy stands between, as git itself has it.

Settings of git's configuration count through git (``http.*`` and ``http.<url>.*``, matched by git), those of
the environment by its variables. Only settings are taken that name a file or an address: none of them runs
anything, none turns checks off, and none is read from a repository. A token goes to an https server through
``CONNECT`` alone, so a proxy sees the name of the server and nothing else; an http server is this machine,
and no proxy is asked for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["HTTP_SETTINGS", "PROXY_VARIABLES", "TRUST_VARIABLES", "proxy_secrets", "way_out"]

PROXY_VARIABLES: Final = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("NO_PROXY", "GIT_HTTP_PROXY_AUTHMETHOD"),
)
TRUST_VARIABLES: Final = (
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_ADDRESSES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_FILES: Final = ("sslcainfo", "sslcapath", "proxysslcainfo")
_METHODS: Final = frozenset({"anyauth", "basic", "digest", "negotiate", "ntlm"})
HTTP_SETTINGS: Final = (*_FILES, "proxy", "proxyauthmethod")
"""The variables of git's section ``http`` that count, in lower case."""
_PROXY: Final = re.compile(r"(?:(?:https?|socks4a?|socks5h?)://)?[!-~]*", re.IGNORECASE)
_OTHERS: Final = {"http.sslCAInfo": "SSL_CERT_FILE", "http.sslCAPath": "SSL_CERT_DIR"}
"""Variables by which other programs set the same; git's own settings win."""


def way_out(settings: Iterable[tuple[str, str]], home: Path, *, proxies: bool) -> list[tuple[str, str]]:
    """The pairs for a configuration of git's: those of ``settings`` that count, paths below ``home`` in full.

    ``proxies`` is false where nothing may stand between: then no setting of a proxy is among them.
    """
    found = [(key, os.environ[name]) for key, name in _OTHERS.items() if os.environ.get(name)]
    for key, value in settings:
        name = key.rpartition(".")[2].lower()
        if not key.lower().startswith("http."):
            continue
        if name in _FILES:
            path = str(home / value[2:]) if value.startswith("~/") else value
            if path.startswith("/") or not path:
                found.append((key, path))
        elif proxies and _is_of_proxy(name, value):
            found.append((key, value))
    return found


def _is_of_proxy(name: str, value: str) -> bool:
    if name == "proxyauthmethod":
        return value.lower() in _METHODS
    return name == "proxy" and _PROXY.fullmatch(value) is not None


def proxy_secrets(settings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The passwords in the addresses of proxies, of ``settings`` and of the environment, as written and as
    meant."""
    addresses = [value for key, value in settings if key.lower().endswith(".proxy")]
    addresses += [os.environ.get(name, "") for name in PROXY_VARIABLES if name.lower() in _ADDRESSES]
    return tuple(dict.fromkeys(secret for address in addresses for secret in _passwords(address)))


def _passwords(address: str) -> tuple[str, ...]:
    try:
        password = urlsplit(address if "://" in address else f"//{address}").password
    except ValueError:
        return (address,)
    return (password, unquote(password)) if password else ()
