"""Signatures of functions, ``<s-n?:s>``: which arguments are taken, and what the context stands in for."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.regex import compile_regex
from stepherd.engine.jsonata.scope import Run
from stepherd.engine.jsonata.values import UNDEFINED, Function

__all__ = ["LONGEST_SIGNATURE", "OwnSignature", "Signature", "symbol_of"]

LONGEST_SIGNATURE = 1_000
"""Characters of a signature that an expression has."""

_ANY = "asnblfom"
_ELEMENTS = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}
_SYMBOLS: dict[type, str] = {str: "s", int: "n", float: "n", bool: "b", type(None): "l", dict: "o", list: "a"}


class _Parameter(NamedTuple):
    pattern: str
    type: str
    context: str | None = None
    """The pattern that the context must match to stand in for a missing argument."""
    element: str | None = None


def symbol_of(value: Any) -> str:
    """The letter of a value's type; ``m`` for a missing one."""
    found = _SYMBOLS.get(type(value))
    if found is not None:
        return found
    if value is UNDEFINED:
        return "m"
    return "f" if isinstance(value, Function) else "a" if isinstance(value, list) else "o"


class Signature:
    """The signature of a built-in function."""

    __slots__ = ("_parameters", "_whole")

    def __init__(self, text: str) -> None:
        self._parameters = _parse(text)
        self._whole = re.compile("".join(f"({parameter.pattern})" for parameter in self._parameters) + r"\Z")

    def check(self, arguments: list[Any], context: Any) -> list[Any]:
        """The arguments as the function takes them; raises T0410, T0411 or T0412."""
        given = "".join(map(symbol_of, arguments))
        match = self._whole.match(given)
        if match is None:
            raise self._mismatch(lambda pattern: _end(re.match(pattern, given)))
        return self._taken(match.groups(), arguments, context)

    def _taken(self, match: Iterable[str | None], arguments: list[Any], context: Any) -> list[Any]:
        taken: list[Any] = []
        at = 0
        for parameter, matched in zip(self._parameters, match, strict=True):
            first = arguments[at] if at < len(arguments) else UNDEFINED
            if matched:
                for letter in matched:
                    value = arguments[at] if at < len(arguments) else UNDEFINED
                    # Of more than one, JSONata takes the first each time; of arrays, each.
                    taken.append(
                        _element(parameter, letter, matched, value, at) if parameter.type == "a" else first
                    )
                    at += 1
            elif parameter.context is None:
                taken.append(first)
                at += 1
            elif re.match(parameter.context, symbol_of(context)):
                taken.append(context)
            else:
                raise JsonataError("T0411", index=at + 1)
        return taken

    def _mismatch(self, end_of: Callable[[str], int | None]) -> JsonataError:
        """Behind the arguments that as many parameters as possible take. ``end_of`` gives where the match of
        a pattern ends."""
        patterns = [parameter.pattern for parameter in self._parameters]
        ends: list[int | None] = []

        def fails(count: int) -> bool:
            ends.append(end_of("".join(patterns[:count])))
            return ends[-1] is None

        bisect_left(range(len(patterns) + 1), True, key=fails)
        return JsonataError("T0410", index=max(end or 0 for end in ends) + 1)


class OwnSignature(Signature):
    """The signature of a function that an expression defines. Python's own regular expressions, which cannot
    be stopped, would take time without end for one with many ``+`` or ``?``. Raises JsonataError."""

    __slots__ = ("_regex",)

    def __init__(self, text: str) -> None:
        self._parameters = _parse(text)
        try:
            self._regex = compile_regex(
                "^" + "".join(f"({parameter.pattern})" for parameter in self._parameters) + "$", ""
            )
        except JsonataError as error:
            raise JsonataError("S0403", value=text) from error

    def check_paid(self, arguments: list[Any], context: Any, run: Run) -> list[Any]:
        """The same, paid for by a run."""
        run.step(sum(len(argument) for argument in arguments if isinstance(argument, list)))
        given = "".join(map(symbol_of, arguments))
        match = self._regex.search(given, 0, run)
        if match is None:

            def end_of(pattern: str) -> int | None:
                found = compile_regex(f"^{pattern}", "").search(given, 0, run)
                return None if found is None else found.end

            raise self._mismatch(end_of)
        return self._taken(match.groups, arguments, context)


def _end(match: re.Match[str] | None) -> int | None:
    return None if match is None else match.end()


def _element(parameter: _Parameter, letter: str, matched: str, value: Any, at: int) -> Any:
    if letter == "m":
        return UNDEFINED
    wanted = parameter.element
    if wanted is not None and not _all_are(wanted, letter, matched, value):
        raise JsonataError("T0412", index=at + 1, type=_ELEMENTS.get(wanted))
    return value if letter == "a" else [value]


def _all_are(wanted: str, letter: str, matched: str, value: Any) -> bool:
    if letter != "a":
        return matched == wanted
    return all(symbol_of(item) == wanted[:1] for item in value)


def _parse(text: str) -> list[_Parameter]:
    parameters: list[_Parameter] = []
    at = 1
    while at < len(text):
        symbol = text[at]
        if symbol == ":":
            break
        last = parameters[-1] if parameters else None
        if symbol in "snbloafjx":
            parameters.append(_simple(symbol))
        elif symbol in "-?+" and last is not None:
            parameters[-1] = _modified(last, symbol)
        elif symbol == "(":
            end = _closing(text, at, "(", ")")
            choice = text[at + 1 : end]
            if "<" in choice:
                raise JsonataError("S0402")
            parameters.append(_Parameter(f"[{re.escape(choice)}m]", f"({choice})"))
            at = end
        elif symbol == "<":
            if last is None or last.type not in ("a", "f"):
                raise JsonataError("S0401")
            end = _closing(text, at, "<", ">")
            parameters[-1] = last._replace(element=text[at + 1 : end])
            at = end
        at += 1
    return parameters


def _simple(symbol: str) -> _Parameter:
    patterns = {"a": f"[{_ANY}]", "f": "f", "j": "[asnblom]", "x": f"[{_ANY}]"}
    return _Parameter(patterns.get(symbol, f"[{symbol}m]"), symbol)


def _modified(parameter: _Parameter, symbol: str) -> _Parameter:
    if symbol == "-":
        return parameter._replace(context=parameter.pattern, pattern=parameter.pattern + "?")
    return parameter._replace(pattern=parameter.pattern + symbol)


def _closing(text: str, start: int, opener: str, closer: str) -> int:
    depth = 1
    for at in range(start + 1, len(text)):
        depth += (text[at] == opener) - (text[at] == closer)
        if not depth:
            return at
    return len(text)
