"""The way from this machine to a Git LFS server: the authorities and the proxy that git itself would take.

Git is asked, of the configuration that it gets for the remote (``way_out``), so that ``http.<url>.*`` is
matched by git. Without such a setting, git's environment variables count, in git's own order.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, proxy_bypass

from stepherd.errors import StepherdError, UnavailableError
from stepherd.repositories.git import Git
from stepherd.repositories.lfs_pointer import LfsRefused

__all__ = ["Route"]


_SECTION: Final = "http"
_NO_PROXY: Final = ProxyHandler({})


@dataclass(frozen=True, slots=True)
class Route:
    """As ``git`` has it for its remote."""

    git: Git
    _known: dict[tuple[str, str], tuple[BaseHandler, ...]] = field(default_factory=dict)

    def handlers(self, url: str) -> tuple[BaseHandler, ...]:
        """The handlers of an opener for ``url``. Raises LfsRefused for a proxy of a kind that cannot be used
        here, UnavailableError when an authority's file cannot be read."""
        parts = urlsplit(url)
        if parts.scheme != "https":
            # It is this machine: a proxy would carry the token of its server away in clear.
            return (_NO_PROXY,)
        # Settings may be for a path, too.
        place = (parts.netloc, parts.path)
        if place not in self._known:
            # Behind a question mark may be a key to the content, and others see what programs are given.
            settings = self._settings(urlunsplit((*parts[:3], "", "")))
            self._known[place] = (_proxy(settings, parts), HTTPSHandler(context=_context(settings)))
        return self._known[place]

    def _settings(self, url: str) -> Mapping[str, str]:
        """By their names in lower case; the narrowest address wins, which is for git to say."""
        asked = ("config", "-z", "--get-urlmatch", _SECTION, url)
        try:
            finished = self.git.attempt("Reading the settings of Git LFS", *asked)
        except StepherdError:
            return {}
        lines = finished.out.decode("utf-8", "surrogateescape").split("\0")
        pairs = (line.partition("\n") for line in lines if line)
        return {key.rpartition(".")[2].lower(): value for key, _, value in pairs}


def _context(settings: Mapping[str, str]) -> ssl.SSLContext:
    # Variables win over the configuration (git's http.c).
    file = os.environ.get("GIT_SSL_CAINFO") or settings.get("sslcainfo")
    folder = os.environ.get("GIT_SSL_CAPATH") or settings.get("sslcapath")
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except (OSError, ssl.SSLError):
        raise UnavailableError(
            f"The file of authorities {file or folder} cannot be read.",
            remedy="Look at git's http.sslCAInfo, GIT_SSL_CAINFO and SSL_CERT_FILE.",
        ) from None


def _proxy(settings: Mapping[str, str], parts: SplitResult) -> ProxyHandler:
    # An empty setting turns the proxy off, whatever the variables say.
    address = settings["proxy"] if "proxy" in settings else _proxy_of_environment()
    if not address or proxy_bypass(parts.hostname or ""):
        return _NO_PROXY
    address = address if "://" in address else f"http://{address}"
    if not address.lower().startswith("http://"):
        kind = address.partition(":")[0].lower()
        raise LfsRefused(f"is behind a {kind} proxy, and contents go through http proxies alone")
    return ProxyHandler({"https": address})


def _proxy_of_environment() -> str:
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")  # In curl's order.
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
