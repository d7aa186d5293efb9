"""The calls that answer with one document, from plain arguments. Loaded when the first of them is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ._operations import GET_USAGE_LIMITS, LIST_AVAILABLE_MODELS, LIST_AVAILABLE_PROFILES, Operation
from .errors import ProtocolError
from .models import (
    GetUsageLimitsRequest,
    GetUsageLimitsResponse,
    ListAvailableModelsRequest,
    ListAvailableModelsResponse,
    ListAvailableProfilesRequest,
    ListAvailableProfilesResponse,
    ModelProvider,
    Origin,
    ResourceType,
    Shape,
)

__all__ = ["Call", "NextPage", "models_call", "profiles_call", "usage_call"]

_S = TypeVar("_S", bound=Shape)


@dataclass(frozen=True, slots=True)
class Call(Generic[_S]):
    """An operation, its request and the shape of its answer."""

    operation: Operation
    request: Shape
    answer: type[_S]


class NextPage:
    """The token of the next page; the service ends a list by giving none."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.more = True
        self._seen: set[str] = set()

    def turn(self, token: str | None) -> None:
        """Take the token that a page ends with; raise ProtocolError where pages come in a circle."""
        if token in self._seen:
            raise ProtocolError("the service gives the same page over and over")
        if token:
            self._seen.add(token)
        self.token, self.more = token or None, bool(token)


def models_call(
    *,
    origin: Origin | str = Origin.CLI,
    model_provider: ModelProvider | str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Call[ListAvailableModelsResponse]:
    """Ask for a page of the models."""
    request = ListAvailableModelsRequest(
        origin=origin, model_provider=model_provider, max_results=max_results, next_token=next_token
    )
    return Call(LIST_AVAILABLE_MODELS, request, ListAvailableModelsResponse)


def profiles_call(
    *, max_results: int | None = None, next_token: str | None = None
) -> Call[ListAvailableProfilesResponse]:
    """Ask for a page of the profiles."""
    request = ListAvailableProfilesRequest(max_results=max_results, next_token=next_token)
    return Call(LIST_AVAILABLE_PROFILES, request, ListAvailableProfilesResponse)


def usage_call(
    *,
    origin: Origin | str | None = None,
    resource_type: ResourceType | str | None = None,
    is_email_required: bool | None = None,
) -> Call[GetUsageLimitsResponse]:
    """Ask for the allowances."""
    request = GetUsageLimitsRequest(
        origin=origin, resource_type=resource_type, is_email_required=is_email_required
    )
    return Call(GET_USAGE_LIMITS, request, GetUsageLimitsResponse)
