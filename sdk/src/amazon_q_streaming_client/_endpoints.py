"""Which host to ask, for each operation, login and region: data, which the client options can replace.

``q`` asks one host for everything. A notice of AWS names two hosts for logins of Kiro since May 2026, one for
answers and one for the account; reports conflict whether the older host still takes such logins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from ._tokens import AccessToken, LoginService, arn_region
from .errors import ConfigurationError

__all__ = ["ENDPOINTS", "EndpointChoice", "EndpointOption", "Hosts"]

EndpointOption: TypeAlias = str | Mapping[str, str]
"""One URL for all operations, or a URL for each named operation."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The base URLs of one service in one region: for answers, and for models, profiles and usage."""

    answers: str
    account: str


def _q(region: str) -> Hosts:
    return Hosts(f"https://q.{region}.amazonaws.com", f"https://q.{region}.amazonaws.com")


def _kiro(region: str) -> Hosts:
    return Hosts(f"https://runtime.{region}.kiro.dev", f"https://management.{region}.kiro.dev")


_REGIONS: Final = ("us-east-1", "eu-central-1")
_DEFAULT_REGION: Final = _REGIONS[0]

ENDPOINTS: Final[Mapping[LoginService, Mapping[str, Hosts]]] = MappingProxyType(
    {
        LoginService.Q: MappingProxyType({region: _q(region) for region in _REGIONS}),
        LoginService.KIRO: MappingProxyType({region: _kiro(region) for region in _REGIONS}),
    }
)
"""The hosts of each service, by region."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    """What the client options say of hosts."""

    everything: str | None
    by_operation: Mapping[str, str]
    region: str | None
    profile_arn: str | None

    @classmethod
    def from_options(
        cls,
        endpoint: EndpointOption | None,
        region: str | None,
        profile_arn: str | None,
        operations: tuple[str, ...],
    ) -> EndpointChoice:
        """Check the options.

        Raises ConfigurationError for a URL that would send the token in the clear (http is for loopback
        only), an operation that does not exist, a malformed ARN, and a region without a known host.
        """
        if profile_arn is not None and arn_region(profile_arn) is None:
            raise ConfigurationError(
                "profile_arn is not the ARN of a profile",
                remedy="It looks like arn:aws:codewhisperer:us-east-1:123456789012:profile/NAME.",
            )
        by_operation = endpoint if isinstance(endpoint, Mapping) else {}
        unknown = [str(name) for name in by_operation if name not in operations]
        if unknown:
            raise ConfigurationError(
                f"endpoint= names operations that do not exist: {', '.join(unknown)}",
                remedy=f"The operations are {', '.join(operations)}.",
            )
        everything = None if endpoint is None or isinstance(endpoint, Mapping) else _checked(endpoint)
        if region is not None and not isinstance(region, str):
            raise ConfigurationError(f"region must be text, not {type(region).__name__}")
        if region is not None and region not in _REGIONS and everything is None:
            raise ConfigurationError(
                f"the region {region!r} has no known endpoint; known: {', '.join(_REGIONS)}",
                remedy="Give the URL as endpoint=.",
            )
        checked = {name: _checked(url) for name, url in by_operation.items()}
        return cls(everything, MappingProxyType(checked), region, profile_arn)

    def url(self, operation: str, token: AccessToken, *, answers: bool) -> str:
        """Return the base URL without a trailing slash.

        An explicit endpoint wins, then the region of the options, then the region in the profile ARN of the
        options or else of the login, then the region of the login. A region without a known host means
        us-east-1, as for the CLI.
        """
        explicit = self.by_operation.get(operation) or self.everything
        if explicit is not None:
            return explicit
        arn = self.profile_arn or token.profile_arn
        region = self.region or (arn_region(arn) if arn else token.region) or _DEFAULT_REGION
        hosts = ENDPOINTS[token.service].get(region, ENDPOINTS[token.service][_DEFAULT_REGION])
        return hosts.answers if answers else hosts.account


def _checked(endpoint: object) -> str:
    if not isinstance(endpoint, str):
        raise ConfigurationError(f"the endpoint must be a URL, not {type(endpoint).__name__}")
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
