"""Regular expressions as functions, as JSONata has them, and what can take the place of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stepherd.engine.jsonata.calling import call
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.regex import Regex
from stepherd.engine.jsonata.scope import Scope
from stepherd.engine.jsonata.values import UNDEFINED, Function, Native

__all__ = ["Matcher", "matcher", "matches_of"]


class Matcher(Native):
    """The function that a regular expression is: of a text, its first match as an object."""

    __slots__ = ("regex",)

    def __init__(self, regex: Regex) -> None:
        super().__init__(self._first, 2)
        self.regex = regex

    def _first(self, scope: Scope, arguments: list[Any]) -> Any:
        text = arguments[0]
        return _match_from(self.regex, text, 0, scope) if isinstance(text, str) else UNDEFINED


def matcher(regex: Regex) -> Matcher:
    """A regular expression as a value."""
    return Matcher(regex)


def _match_from(regex: Regex, text: str, start: int, scope: Scope) -> Any:
    found = regex.search(text, start, scope.run)
    if found is None:
        return UNDEFINED

    def following(caller: Scope, _: list[Any]) -> Any:
        if found.end >= len(text):
            return UNDEFINED
        match = _match_from(regex, text, found.end, caller)
        if match is not UNDEFINED and match["match"] == "":
            raise JsonataError("D1004")
        return match

    scope.run.make(200 + found.end - found.start + 16 * len(found.groups))
    return {
        "match": text[found.start : found.end],
        "start": found.start,
        "end": found.end,
        "groups": [UNDEFINED if group is None else group for group in found.groups],
        "next": Native(following, 0),
    }


def matches_of(pattern: Any, text: str, scope: Scope, token: str) -> Iterator[dict[str, Any]]:
    """The matches of a matcher one after the other; raises T1010 for a function that is not a matcher."""
    match = call(pattern, [text], None, scope)
    while match is not UNDEFINED:
        if not isinstance(match, dict) or not _looks_right(match):
            raise JsonataError("T1010", token=token)
        yield match
        match = call(match["next"], [], None, scope)


def _looks_right(match: dict[str, Any]) -> bool:
    return (
        type(match.get("start")) in (int, float)
        and isinstance(match.get("match"), str)
        and isinstance(match.get("groups"), list)
        and isinstance(match.get("next"), Function)
    )
