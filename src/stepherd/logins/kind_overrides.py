"""Other names and places for a kind of login: CLIs change theirs between releases, and are closed.

``STEPHERD_KIRO_LOGIN`` (``STEPHERD_<KIND>_LOGIN``) holds a JSON object of the fields of LoginKind to replace,
or the path of a file with one::

    STEPHERD_KIRO_LOGIN='{"folder": "kiro-cli-3", "row": "kirocli:oidc:token"}'
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepherd.errors import ConfigurationError
from stepherd.services.json_text import read_json

__all__ = ["overrides_of", "variable_of"]

_MOST_BYTES = 65_536


def variable_of(name: str) -> str:
    """The environment variable that changes the kind ``name``."""
    return f"STEPHERD_{name.upper()}_LOGIN"


def overrides_of(name: str, fields: Mapping[str, type], environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields that ``environment`` replaces in the kind ``name``; empty when it says nothing.

    ``fields`` are those that may be replaced, each ``str`` or ``tuple`` (of strings). Raises
    ConfigurationError naming the variable and the field.
    """
    variable = variable_of(name)
    given = environment.get(variable, "").strip()
    if not given:
        return {}
    document = _document(variable, given)
    return {field: _value(variable, field, value, fields) for field, value in document.items()}


def _document(variable: str, given: str) -> dict[str, Any]:
    text = given if given.startswith("{") else _file(variable, given)
    try:
        document = read_json(text)
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{variable} is not valid JSON.", remedy=_REMEDY) from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{variable} is not a JSON object.", remedy=_REMEDY)
    return document


def _file(variable: str, path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(_MOST_BYTES).decode()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"{variable} names the file {path!r}, which cannot be read: {type(error).__name__}.",
            remedy=_REMEDY,
        ) from error


def _value(variable: str, field: str, value: object, fields: Mapping[str, type]) -> Any:
    if field not in fields:
        known = ", ".join(sorted(fields))
        raise ConfigurationError(f"{variable} has an unknown field {field!r}.", remedy=f"There are {known}.")
    if fields[field] is str and isinstance(value, str) and _is_plain(value):
        return value
    if fields[field] is tuple and isinstance(value, list) and all(_is_plain(item) for item in value):
        return tuple(value)
    kind = "plain text" if fields[field] is str else "a list of plain texts"
    raise ConfigurationError(f"{variable}: the value of {field!r} is not {kind}.", remedy=_REMEDY)


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value.encode(errors="replace")) <= 1_000


_REMEDY = 'Set it to a JSON object such as {"folder": "kiro-cli"}, or to the path of a file with one.'
