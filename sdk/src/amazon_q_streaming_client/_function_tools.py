"""Tools made from typed Python functions: their JSON Schema, and a call with checked arguments."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, overload

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ._tooluse import ToolCall
from .errors import ConfigurationError, QError
from .models import ToolInputSchema, ToolResult, ToolResultContentBlock, ToolSpecification

__all__ = ["FunctionTool", "MAX_RESULT", "error_result", "tool"]

MAX_RESULT: Final = 400_000
"""The most characters of a tool result that the CLI sends."""
_PLAIN: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the model may call; made by ``tool``. Calling it calls the function."""

    name: str
    specification: ToolSpecification
    function: Callable[..., Any]
    arguments: type[BaseModel]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function, which only the async client can run."""
        return inspect.iscoroutinefunction(self.function)

    def bind(self, call: ToolCall) -> Callable[[], Any]:
        """Return the call of the function with the checked arguments of a tool use.

        Raises ValueError with a text for the model where they do not fit the function.
        """
        if call.problem is not None:
            raise ValueError(f"The input of {self.name} is not usable: {call.problem}.")
        try:
            checked = self.arguments.model_validate(call.input)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False, include_context=False)
            said = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults[:5]
            )
            raise ValueError(f"The input of {self.name} does not fit: {said}.") from None
        given = {name: getattr(checked, name) for name in checked.model_fields_set}
        return lambda: self.function(**given)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a typed function: a decorator, with or without arguments.

    The name and the docstring describe it to the model, the annotations become its JSON Schema; describe a
    parameter with ``Annotated[int, Field(description="...")]``. Raises ConfigurationError for a function
    whose parameters are not all typed and named.
    """
    if function is None:
        return lambda decorated: _made(decorated, name, description)
    return _made(function, name, description)


def _made(function: object, name: str | None, description: str | None) -> FunctionTool:
    if isinstance(function, FunctionTool):
        return function
    if not callable(function):
        raise ConfigurationError(f"a tool must be a function, not {type(function).__name__}")
    named = name or getattr(function, "__name__", "")
    if not isinstance(named, str) or not re.fullmatch("[a-zA-Z][a-zA-Z0-9_]{0,63}", named):
        raise ConfigurationError(
            f"{named!r} cannot be the name of a tool",
            remedy="It begins with a letter and has up to 64 letters, digits and underscores: name=...",
        )
    arguments = _arguments_of(function, named)
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    specification = ToolSpecification(
        name=named,
        description=description or inspect.getdoc(function) or named,
        input_schema=ToolInputSchema(json_value=schema),
    )
    return FunctionTool(named, specification, function, arguments)


def _arguments_of(function: Callable[..., Any], name: str) -> type[BaseModel]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters
    except (NameError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the types of the tool {name} cannot be read: {error}") from None
    fields: dict[str, Any] = {}
    for parameter in parameters.values():
        known = parameter.kind in _PLAIN and parameter.name in hints
        if not known or parameter.name.startswith("_"):
            raise ConfigurationError(
                f"the parameter {parameter.name} of the tool {name} has no type, or cannot be given by name"
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=False)
    try:
        made: type[BaseModel] = create_model(f"{name}_arguments", __config__=config, **fields)
        made.model_json_schema()
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the tool {name} cannot be described as JSON Schema: {error}") from None
    return made


def result_text(value: object, limit: int) -> str:
    """Return what a tool returned for the model: text as it is, all else as JSON; cut to ``limit``."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(to_jsonable_python(value), ensure_ascii=False)
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            text = repr(value)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= limit else f"{text[:limit]}\n[cut, {len(text) - limit} more characters]"


def result_of_call(call: ToolCall, value: object, limit: int) -> ToolResult:
    """Return the result of a tool that ran."""
    if isinstance(value, ToolResultContentBlock):
        return call.to_result(value)
    return call.to_result(result_text(value, limit))


def error_result(call: ToolCall, error: Exception, limit: int) -> ToolResult:
    """Return the result of a tool that failed, in words for the model."""
    try:
        said = str(error) if isinstance(error, ValueError | QError) and str(error) else repr(error)
    except Exception:  # noqa: BLE001  an error of the user's may fail to say what it is
        said = f"{call.name} failed: {type(error).__name__}"
    return call.to_result(result_text(said, limit), is_error=True)
