"""What an answer refers to: licensed code, web pages, follow-up questions."""

from __future__ import annotations

from ._base import OneOf, Open, Shape
from .chat_enums import UserIntent

__all__ = ["CitationTarget", "FollowupPrompt", "Reference", "Span", "SupplementaryWebLink"]


class Span(Shape):
    """A range of characters, end exclusive."""

    end: int | None = None
    start: int | None = None


class Reference(Shape):
    """Licensed code that the answer resembles."""

    license_name: str | None = None
    recommendation_content_span: Span | None = None
    repository: str | None = None
    url: str | None = None


class SupplementaryWebLink(Shape):
    """A web page that goes with the answer."""

    title: str
    url: str
    snippet: str | None = None


class FollowupPrompt(Shape):
    """A question that the service suggests next."""

    content: str
    user_intent: Open[UserIntent] | None = None


class CitationTarget(OneOf):
    """The place in the answer that a citation belongs to."""

    location: int | None = None
    range: Span | None = None
