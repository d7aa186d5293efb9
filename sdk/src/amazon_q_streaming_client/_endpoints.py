"""Which host to ask: by region, or by the region in a profile ARN, as the CLI chooses it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from ._exceptions import ConfigurationError

__all__ = ["ENDPOINTS", "choose_endpoint"]

ENDPOINTS: Final = MappingProxyType(
    {
        "us-east-1": "https://q.us-east-1.amazonaws.com",
        "eu-central-1": "https://q.eu-central-1.amazonaws.com",
    }
)
"""The endpoint of each region that has one."""

_DEFAULT_REGION: Final = "us-east-1"
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:(?P<region>[a-z0-9-]*):[0-9]*:\S+")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def choose_endpoint(endpoint: str | None, region: str | None, profile_arn: str | None) -> str:
    """Return the base URL without a trailing slash.

    An explicit endpoint wins, then the region, then the region in the profile ARN; a region without an
    endpoint in an ARN means us-east-1, as for the CLI. Raises ConfigurationError for a URL that would send
    the token in the clear (http is for loopback only), a malformed ARN, and a region without an endpoint.
    """
    arn_region = _region_of(profile_arn) if profile_arn is not None else None
    if endpoint is not None:
        return _checked(endpoint)
    if region is not None:
        if region not in ENDPOINTS:
            known = ", ".join(ENDPOINTS)
            raise ConfigurationError(
                f"the region {region!r} has no known endpoint; known: {known}",
                remedy="Give the URL as endpoint=.",
            )
        return ENDPOINTS[region]
    return ENDPOINTS.get(arn_region or _DEFAULT_REGION, ENDPOINTS[_DEFAULT_REGION])


def _region_of(arn: str) -> str:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise ConfigurationError(
            f"{arn!r} is not a profile ARN",
            remedy="It looks like arn:aws:codewhisperer:us-east-1:123456789012:profile/NAME.",
        )
    return match["region"]


def _checked(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"the endpoint {endpoint!r} is not a URL: {error}") from None
    if not host or port == 0 or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError("the endpoint must be a URL of scheme, host, port and path only")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ConfigurationError(
            f"the endpoint {endpoint!r} would send the token in the clear",
            remedy="Use https; http is for loopback only.",
        )
    return endpoint.rstrip("/")
