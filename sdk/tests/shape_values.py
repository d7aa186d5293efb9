"""Documents of every shape, as the service may send them, made from the annotations of the models."""

from __future__ import annotations

import base64
import types
import typing
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from hypothesis import strategies as st
from pydantic import JsonValue

from amazon_q_streaming_client import models
from amazon_q_streaming_client.models import OneOf, Shape

__all__ = ["ALL_SHAPES", "documents", "json_values"]

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_text = st.text(max_size=12)
_numbers = st.integers(0, 2**40) | st.floats(0, 2**40, allow_nan=False).map(lambda value: value + 0.5)

ALL_SHAPES: list[type[Shape]] = [
    kind
    for name in models.__all__
    if isinstance(kind := getattr(models, name), type)
    and issubclass(kind, Shape)
    and kind not in (Shape, OneOf, models.Event, models.UnknownEvent)
]


@cache
def documents(shape: type[Shape]) -> st.SearchStrategy[dict[str, Any]]:
    """Wire documents of ``shape``: its required members and any of the others; one member of a union."""
    members = {
        field.serialization_alias or name: (field.is_required(), _values(field.annotation))
        for name, field in shape.model_fields.items()
    }
    if issubclass(shape, OneOf):
        return st.one_of([st.fixed_dictionaries({name: values}) for name, (_, values) in members.items()])
    return st.fixed_dictionaries(
        {name: values for name, (required, values) in members.items() if required},
        optional={name: values for name, (required, values) in members.items() if not required},
    )


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    if annotation is JsonValue:
        # A declared member that is null is the same as one that is absent.
        return json_values.filter(lambda value: value is not None)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _values(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return _union([argument for argument in arguments if argument is not types.NoneType])
    if origin is list:
        return st.lists(_values(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=2)
    if issubclass(annotation, Shape):
        return st.deferred(lambda: documents(annotation))
    return {
        str: _text,
        bool: st.booleans(),
        int: st.integers(0, 1000),
        float: _numbers,
        bytes: st.binary(max_size=8).map(lambda raw: base64.b64encode(raw).decode()),
        datetime: st.integers(0, 2**31),
    }[annotation]


def _union(arguments: list[Any]) -> st.SearchStrategy[Any]:
    enums = [kind for kind in arguments if isinstance(kind, type) and issubclass(kind, StrEnum)]
    if enums:
        return st.sampled_from([value.value for value in enums[0]]) | st.just("A_NEW_VALUE")
    if set(arguments) == {int, float}:
        return _numbers
    return st.one_of([_values(argument) for argument in arguments])
