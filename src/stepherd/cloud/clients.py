"""Clients of one command, made once each: to make one takes longer than a call."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final

from stepherd.cloud.waiting import watch
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import is_one_of

__all__ = ["aws_client"]

_ATTEMPTS: Final = 10
"""CloudFormation and S3 throttle whoever asks as often as a deployment does."""
_CONNECT_SECONDS: Final = 4
_CONNECT_ATTEMPTS: Final = 3
"""So that being offline is told soon, and after the same time for every service."""

_UNREACHABLE: Final = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"})


def aws_client(service: str, region: str | None, attempts: int = _ATTEMPTS) -> Any:
    """A client for ``service`` in a region, patient with throttling and not with a network that is not there.

    Raises ConfigurationError.
    """
    settings = tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("AWS_")))
    return _made(service, region, attempts, settings)


@cache
def _made(service: str, region: str | None, attempts: int, _settings: tuple[tuple[str, str], ...]) -> Any:
    client = new_client(service, region=region, attempts=attempts, connect_seconds=_CONNECT_SECONDS)
    client.meta.events.register("needs-retry", _give_up_connecting)
    return watch(client)


def _give_up_connecting(attempts: int, caught_exception: Exception | None = None, **_: Any) -> None:
    """Give up earlier on a server that cannot be reached than on a busy one: botocore counts both alike."""
    if caught_exception is None or attempts < _CONNECT_ATTEMPTS:
        return
    if is_one_of(caught_exception, _UNREACHABLE):
        raise caught_exception
