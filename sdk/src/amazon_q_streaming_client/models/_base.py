"""What all shapes share: wire names, unknown fields, unions, open enums, blobs, timestamps and lengths."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticSerializationError

from ..errors import InvalidArgumentError, ProtocolError, QError
from ._lenient import corrected, load_document

__all__ = [
    "FROM_SERVICE",
    "Blob",
    "Document",
    "Moment",
    "Number",
    "OneOf",
    "Open",
    "Shape",
    "at_most",
    "chars",
]

FROM_SERVICE: Final = "from the service"
"""Validation context of what the service sent: its lengths are its own business and are not checked."""
_CORRECTED: Final = "from the service, corrected"
"""The same for what did not fit and was corrected: a union may then be without a member."""


def _is_from_service(info: ValidationInfo) -> bool:
    return info.context is not None and info.context in (FROM_SERVICE, _CORRECTED)


_SHOWN: Final = 3
_PLACE: Final = 80

_E = TypeVar("_E", bound=StrEnum)

Open = Annotated[_E | str, Field(union_mode="left_to_right")]
"""An enum that the service may extend: a value that is not known yet stays a plain string."""

Number: TypeAlias = int | float
"""A number that the service may send with or without a fraction; it is kept as it came."""

_MAX_DEPTH: Final = 100


def _sendable(value: Any, info: ValidationInfo) -> Any:
    """Refuse a document of the caller that JSON cannot hold, or that is deeper than the service reads."""
    if not _is_from_service(info):
        _check_document(value, 0)
    return value


def _check_document(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"the document is deeper than {_MAX_DEPTH} levels")
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is not a number of JSON")
        case str() if not _is_unicode(value):
            raise ValueError("a text has half of a character in it (a lone surrogate)")
        case dict():
            for name, item in value.items():
                _check_document(name, depth)
                _check_document(item, depth + 1)
        case list():
            for item in value:
                _check_document(item, depth + 1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


if TYPE_CHECKING:
    Document: TypeAlias = Any
else:
    Document = Annotated[JsonValue, AfterValidator(_sendable)]


if TYPE_CHECKING:
    _Checked: TypeAlias = type
else:

    class _Checked(type(BaseModel)):
        """Makes constructors raise InvalidArgumentError. Shapes within shapes are read without them."""

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            with _as_arguments(cls.__name__):
                return super().__call__(*args, **kwargs)


class Shape(BaseModel, metaclass=_Checked):
    """A structure of the service: snake_case in Python, the wire names as aliases, immutable.

    Fields that the service added since are kept and sent back. A declared field that is None is left out on
    the wire, as the service makes no difference between null and absent. Making, reading and changing one
    raises InvalidArgumentError where a value does not fit.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="allow",
        frozen=True,
        defer_build=True,
        allow_inf_nan=False,
        ser_json_inf_nan="constants",
    )

    @model_serializer(mode="wrap")
    def _leave_out_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        extra = self.model_extra or {}
        return {key: value for key, value in handler(self).items() if value is not None or key in extra}

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object that the service expects.

        Raises InvalidArgumentError where a field that was added holds what JSON cannot, as NaN, or what
        Python does not read back, as a whole number of more than 4300 digits.
        """
        text = self.to_wire_text()
        with _as_arguments(type(self).__name__):
            document: dict[str, Any] = json.loads(text)
        return document

    def to_wire_text(self) -> str:
        """The same as JSON text."""
        text = self.model_dump_json(by_alias=True)
        if "NaN" in text or "Infinity" in text:
            with _as_arguments(type(self).__name__):
                json.loads(text, parse_constant=_refuse_constant)
        return text

    @classmethod
    def from_wire(cls, data: bytes | str) -> Self:
        """Read JSON that the service sent, leniently: what is missing or odd gets a neutral value.

        Raises ProtocolError for what is not a JSON object.
        """
        try:
            return cls.from_fitting_wire(data)
        except ValidationError:
            return cls._from_odd_wire(data)

    @classmethod
    def from_fitting_wire(cls, data: bytes | str) -> Self:
        """Read JSON that fits; raise pydantic.ValidationError for anything else. The quick way for events."""
        return super().model_validate_json(data, context=FROM_SERVICE)

    @classmethod
    def _from_odd_wire(cls, data: bytes | str) -> Self:
        try:
            document = load_document(data)
            if isinstance(document, dict):
                return cls.from_odd_document(document)
            why = type(document).__name__
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            why = str(error)
        raise ProtocolError(f"{cls.__name__} is not a JSON object: {why}")

    @classmethod
    def from_odd_document(cls, document: Mapping[str, Any]) -> Self:
        """Read a document of the service that need not fit; raise ProtocolError where it cannot be read."""
        try:
            return super().model_validate(corrected(cls, document), context=_CORRECTED)
        except (ValidationError, RecursionError) as error:
            raise ProtocolError(f"{cls.__name__} cannot be read: {type(error).__name__}") from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Pydantic's, with the errors of this package."""
        with _as_arguments(cls.__name__):
            return super().model_validate(obj, **options)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Pydantic's, with the errors of this package."""
        with _as_arguments(cls.__name__):
            return super().model_validate_json(json_data, **options)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Pydantic's, with the errors of this package."""
        with _as_arguments(type(self).__name__):
            return super().model_dump(**options)

    def model_dump_json(self, **options: Any) -> str:
        """Pydantic's, with the errors of this package."""
        with _as_arguments(type(self).__name__):
            return super().model_dump_json(**options)

    def __setattr__(self, name: str, value: Any) -> None:
        with _as_arguments(type(self).__name__):
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        with _as_arguments(type(self).__name__):
            super().__delattr__(name)


@contextmanager
def _as_arguments(shape: str) -> Iterator[None]:
    """Raise InvalidArgumentError for what pydantic says of a value that a caller gave."""
    try:
        yield
    except ValidationError as error:
        raise InvalidArgumentError(f"{shape}: {_faults(error)}") from None
    except QError:
        raise
    except (PydanticSerializationError, RecursionError, ValueError, TypeError) as error:
        raise InvalidArgumentError(f"{shape} cannot be written as JSON: {error}") from None


def _faults(error: ValidationError) -> str:
    """What is wrong, without the values: they may be long, and secret."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    said = [f"{_place(fault['loc'])}: {fault['msg']}".removeprefix(": ") for fault in faults[:_SHOWN]]
    more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
    return "; ".join(said) + more


def _place(parts: tuple[int | str, ...]) -> str:
    place = ".".join(str(part) for part in parts)
    return place if len(place) <= _PLACE else f"{place[:_PLACE]}…"


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


class OneOf(Shape):
    """A union of the service: exactly one member is set. A member that is not known yet counts as one.

    Only one that the service left empty is without a member.
    """

    @model_validator(mode="after")
    def _exactly_one(self, info: ValidationInfo) -> Self:
        if info.context == _CORRECTED:
            return self
        names = [name for name in type(self).model_fields if getattr(self, name) is not None]
        names += [name for name, value in (self.model_extra or {}).items() if value is not None]
        if len(names) != 1:
            found = ", ".join(names) or "none"
            raise ValueError(f"exactly one member of {type(self).__name__} must be set, found: {found}")
        return self

    @property
    def member(self) -> str:
        """The name of the member that is set (the wire name where it is not known yet); "" for none."""
        known = (name for name in type(self).model_fields if getattr(self, name) is not None)
        extra = (name for name, value in (self.model_extra or {}).items() if value is not None)
        return next(known, None) or next(extra, "")


def _blob_from_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64: {error}") from None


def _blob_to_text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


Blob = Annotated[
    bytes,
    BeforeValidator(_blob_from_text),
    PlainSerializer(_blob_to_text, return_type=str, when_used="json"),
]
"""Bytes in Python, base64 text on the wire. A str is taken as base64."""


def _moment_from_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"the timestamp {value} is outside of the calendar") from None


def _moment_to_number(value: datetime) -> int | float:
    seconds = value.timestamp()
    return int(seconds) if seconds.is_integer() else seconds


Moment = Annotated[
    datetime,
    BeforeValidator(_moment_from_number),
    PlainSerializer(_moment_to_number, return_type=int | float, when_used="json"),
]
"""An aware datetime in Python, seconds since 1970 on the wire."""


def chars(minimum: int = 0, maximum: int | None = None, *, pattern: str | None = None) -> AfterValidator:
    """Limit a text to ``minimum`` to ``maximum`` characters and a pattern, in requests only."""
    compiled = re.compile(pattern) if pattern else None

    def check(value: str, info: ValidationInfo) -> str:
        if not _is_from_service(info):
            _check_size(len(value), minimum, maximum, "characters")
            if compiled is not None and not compiled.fullmatch(value):
                raise ValueError(f"the service allows only {compiled.pattern}")
        return value

    return AfterValidator(check)


_S = TypeVar("_S", bound="list[Any] | bytes")


def at_most(maximum: int, what: str = "items") -> AfterValidator:
    """Limit a list or blob to ``maximum`` items or bytes, in requests only."""

    def check(value: _S, info: ValidationInfo) -> _S:
        if not _is_from_service(info):
            _check_size(len(value), 0, maximum, what)
        return value

    return AfterValidator(check)


def _check_size(size: int, minimum: int, maximum: int | None, what: str) -> None:
    if size < minimum:
        raise ValueError(f"the service wants at least {minimum} {what}")
    if maximum is not None and size > maximum:
        raise ValueError(f"the service allows at most {maximum} {what}, not {size}")


def wire_names(shape: type[Shape]) -> Mapping[str, str]:
    """Return the field names of ``shape`` by their wire names."""
    return {field.serialization_alias or name: name for name, field in shape.model_fields.items()}
