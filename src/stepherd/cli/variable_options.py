"""--env, --env-file and --secret: the variables that a person gives an agent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from stepherd.errors import UsageError
from stepherd.text.plain import one_paragraph

__all__ = ["env_of", "secrets_of"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_BYTES: Final = 262_144


def env_of(variables: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """The variables of the files in their order, then those of the command line: the last one counts.

    Raises UsageError, which quotes no value, for what has no good name, for a name without a value that is
    not set here, and for a file that cannot be read.
    """
    found: dict[str, str] = {}
    for path in files:
        for place, text in _lines_of(path):
            found |= [_variable(text, place)]
    for text in variables:
        found |= [_variable(text, "--env")]
    return found


def secrets_of(given: Iterable[str]) -> dict[str, str]:
    """Name → reference. Raises UsageError for what has no good name or no reference."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, reference = text.partition("=")
        _check_name(name, "--secret", "--secret NAME, or --secret NAME=REF with env:NAME, file:PATH or an id")
        if equals and not reference:
            raise UsageError(
                f"--secret {name}= names no secret.", remedy=f"Give --secret {name}, which reads env:{name}."
            )
        found[name] = reference or f"env:{name}"
    return found


def _variable(text: str, place: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    _check_name(name, place, "NAME=VALUE, or NAME for one that is set here")
    if equals:
        return name, value
    if name not in os.environ:
        raise UsageError(
            f"{place} {name}: no variable of this name is set here.",
            remedy=f"Set it and export it, or give its value: --env {name}=VALUE.",
        )
    return name, os.environ[name]


def _check_name(name: str, place: str, form: str) -> None:
    if not _NAME.fullmatch(name):
        shown = f"'{one_paragraph(name, 40)}'" if name else "nothing"
        raise UsageError(f"{place} has {shown} where the name of a variable belongs.", remedy=f"Give {form}.")


def _lines_of(path: str) -> Iterator[tuple[str, str]]:
    """Each variable, and where it stands. A value may be quoted, and then have several lines; 'export' may
    stand before a name."""
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"has more than {_MOST_BYTES:,} bytes")
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else reason
        raise UsageError(
            f"--env-file {path} cannot be used: {reason}.", remedy="Give a file of lines NAME=VALUE."
        ) from error
    lines = enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
    for number, line in lines:
        words = line.strip().removeprefix("export ").lstrip()
        if words and not words.startswith("#"):
            place = f"Line {number} of {path}"
            name, equals, value = words.partition("=")
            if _is_open(value.strip()):
                value = _closed(line.partition("=")[2].lstrip(), (each for _, each in lines), place)
            yield place, f"{name.rstrip()}{equals}{_unquoted(value.strip())}"


def _is_open(value: str) -> bool:
    """Whether a quotation begins with it that does not end in the same line."""
    return value[:1] in ("'", '"') and value.count(value[0]) == 1


def _closed(first: str, more: Iterator[str], place: str) -> str:
    """``first`` with the lines up to the one that ends with its quotation mark."""
    taken = [first]
    for line in more:
        taken.append(line)
        if line.rstrip().endswith(first[0]):
            return "\n".join(taken)
    raise UsageError(
        f"{place} begins a quotation that does not end.",
        remedy="End it with the same mark at the end of a line, or leave both out.",
    )


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
