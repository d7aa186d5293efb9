"""Clients of one command, made once each: to make one takes longer than a call."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final

from stepherd.services.aws import new_client

__all__ = ["aws_client"]

_ATTEMPTS: Final = 10
"""CloudFormation and S3 throttle whoever asks as often as a deployment does."""


def aws_client(service: str, region: str | None) -> Any:
    """A client for ``service`` in a region, patient with throttling. Raises ConfigurationError."""
    settings = tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("AWS_")))
    return _made(service, region, settings)


@cache
def _made(service: str, region: str | None, _settings: tuple[tuple[str, str], ...]) -> Any:
    return new_client(service, region=region, attempts=_ATTEMPTS)
