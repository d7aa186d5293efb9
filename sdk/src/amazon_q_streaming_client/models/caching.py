"""Prompt caching."""

from __future__ import annotations

from ._base import Open, Shape
from .chat_enums import CachePointType

__all__ = ["CachePoint", "ClientCacheConfig"]


class CachePoint(Shape):
    """A mark up to which the service may cache the prompt."""

    type: Open[CachePointType]


class ClientCacheConfig(Shape):
    """Whether only cache points of the client are used."""

    use_client_caching_only: bool | None = None
