"""Tools: their specification, use and result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ._base import Document, OneOf, Open, Shape, chars
from .caching import CachePoint
from .chat_enums import ToolResultStatus

__all__ = ["Tool", "ToolInputSchema", "ToolResult", "ToolResultContentBlock", "ToolSpecification", "ToolUse"]


class ToolInputSchema(Shape):
    """The JSON Schema of the input of a tool."""

    json_value: Document | None = Field(default=None, validation_alias="json", serialization_alias="json")


class ToolSpecification(Shape):
    """The name, purpose and input of a tool."""

    input_schema: ToolInputSchema
    name: Annotated[str, chars(1, 64, pattern="[a-zA-Z0-9_-]+")]
    description: Annotated[str, chars(1, 10_240)] | None = None


class Tool(OneOf):
    """A tool that the model may use, or a cache point after the tools before it."""

    cache_point: CachePoint | None = None
    tool_specification: ToolSpecification | None = None


class ToolUse(Shape):
    """A call of a tool that the model made, as it goes into the history."""

    input: Document
    name: Annotated[str, chars(1, 64, pattern="[a-zA-Z0-9_-]+")]
    tool_use_id: Annotated[str, chars(1, 64, pattern="[a-zA-Z0-9_-]+")]


class ToolResultContentBlock(OneOf):
    """A part of a tool result: text or JSON."""

    json_value: Document | None = Field(default=None, validation_alias="json", serialization_alias="json")
    text: Annotated[str, chars(0, 800_000)] | None = None


class ToolResult(Shape):
    """The result of a tool use."""

    content: list[ToolResultContentBlock]
    tool_use_id: Annotated[str, chars(1, 64, pattern="[a-zA-Z0-9_-]+")]
    status: Open[ToolResultStatus] | None = None
