"""Which addresses a person may be sent to for a login: AWS's own, and those that the user allows by name.

An address from an identity provider or an agent's CLI is hostile until it is checked here: a person will open
it from a notice and type a code into it.

================================================  ==============================================
host                                              source
================================================  ==============================================
``device.sso.<region>.amazonaws.com[.cn]``        what StartDeviceAuthorization answered for years
``*.awsapps.com``, ``*.awsapps.cn``               access portals; Builder ID is view.awsapps.com,
                                                  GovCloud start.us-gov-home.awsapps.com
``<id>.<region>.portal.amazonaws.com[.cn]``,      regional access portals (user guide: workforce
``….portal.amazonaws.eu``                         access through an additional Region)
``<id>.portal.<region>.app.aws``,                 the same over IPv4 and IPv6, per partition
``….app.amazonwebservices.com.cn``,               (AWS SDK for .NET, SSOEndpointResolver)
``….api.amazonwebservices.eu``
``STEPHERD_LOGIN_HOSTS``                          exact hosts, comma separated, with the port where
                                                  it is not 443; http only where they are loopback
================================================  ==============================================
"""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import urlsplit

from stepherd.errors import UsageError
from stepherd.logins.login import plain_start_url
from stepherd.services.aws.regions import REGION

__all__ = ["ForeignAddress", "check_identity_provider", "check_verification_uri"]

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PORTALS: Final = (
    rf"(?:{_LABEL}\.)+awsapps\.(?:com|cn)",
    rf"{_LABEL}\.{REGION}\.portal\.amazonaws\.(?:com|com\.cn|eu)",
    rf"{_LABEL}\.portal\.{REGION}\.(?:app\.aws|app\.amazonwebservices\.com\.cn|api\.amazonwebservices\.eu)",
)
_DEVICES: Final = rf"device\.sso\.{REGION}\.amazonaws\.com(?:\.cn)?"
_IDENTITY_PROVIDERS: Final = re.compile("|".join(_PORTALS), re.ASCII)
_VERIFICATION: Final = re.compile("|".join((*_PORTALS, _DEVICES)), re.ASCII)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MOST_CHARACTERS: Final = 2_048
_PLAIN: Final = re.compile(r"[!-~]+", re.ASCII)


class ForeignAddress(UsageError):
    """An address is not one of an identity provider that is known or allowed."""

    category = "foreign_address"


def check_identity_provider(url: str) -> str:
    """``url`` as ``plain_start_url`` has it, when it can be a start URL. Raises ForeignAddress."""
    _check(url, _IDENTITY_PROVIDERS, "the identity provider")
    return plain_start_url(url) or ""


def check_verification_uri(url: str) -> str:
    """``url`` when a person may be asked to open it. Raises ForeignAddress."""
    _check(url, _VERIFICATION, "the page to approve the login at")
    return url


def _check(url: str, known: re.Pattern[str], what: str) -> None:
    if not _PLAIN.fullmatch(url) or len(url) > _MOST_CHARACTERS or "\\" in url:
        raise _foreign(url, what, "it has characters that are not allowed in an address")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _foreign(url, what, "it is not an address") from None
    if "@" in parts.netloc:
        raise _foreign(url, what, "it contains a user name, which hides where it leads")
    allowed = _host_with_port(parts.netloc, parts.scheme) in _allowed_hosts()
    is_loopback = (parts.hostname or "") in _LOOPBACK or parts.netloc.startswith("[::1]")
    if parts.scheme != "https" and not (allowed and is_loopback and parts.scheme == "http"):
        raise _foreign(url, what, "it does not begin with https://")
    if allowed:
        return
    # The text of the address itself is matched, not what a parser makes of it.
    if parts.netloc.lower().removesuffix(":443") != (parts.hostname or "") or port not in {None, 443}:
        raise _foreign(url, what, "its host is not written plainly")
    if not known.fullmatch(parts.hostname or "") or "xn--" in (parts.hostname or ""):
        raise _foreign(url, what, "its host is not one of AWS's")


def _allowed_hosts() -> frozenset[str]:
    named = os.environ.get("STEPHERD_LOGIN_HOSTS", "").split(",")
    return frozenset(_host_with_port(host.strip(), "https") for host in named if host.strip())


def _host_with_port(netloc: str, scheme: str) -> str:
    """``netloc`` in lower case, with its port unless that is the one of https."""
    host = netloc.lower()
    if re.search(r":\d+$", host):
        return host.removesuffix(":443")
    return host if scheme == "https" else f"{host}:80"


def _foreign(url: str, what: str, why: str) -> ForeignAddress:
    shown = "".join(character if character.isprintable() else "?" for character in url[:200])
    return ForeignAddress(
        f"{shown!r} cannot be {what}: {why}.",
        remedy="Use your AWS access portal's address (https://….awsapps.com/start); to allow "
        "another host, add it to STEPHERD_LOGIN_HOSTS.",
    )
