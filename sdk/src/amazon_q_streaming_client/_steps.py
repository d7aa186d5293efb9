"""The steps of an exchange: what a transport carries out, and what it gives back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ._operations import WireRequest
from ._tokens import AccessToken
from .models import AnyEvent

__all__ = ["Close", "Deliver", "GetToken", "Receive", "Send", "Step", "Steps", "Wait"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class GetToken:
    """Get a token. ``refused`` is the one that the service did not accept. Result: AccessToken."""

    refused: AccessToken | None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read the head of the response. Result: ResponseHead."""

    request: WireRequest


@dataclass(frozen=True, slots=True)
class Receive:
    """Read what has come of the body, as it came. Result: bytes, or None at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the response, read or not."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for some seconds."""

    seconds: float


@dataclass(slots=True)
class Deliver:
    """Hand an event to the caller. Not frozen, which would take as long again: each event has one."""

    event: AnyEvent


Step: TypeAlias = GetToken | Send | Receive | Close | Wait | Deliver
Steps: TypeAlias = Generator[Step, Any, _T]
