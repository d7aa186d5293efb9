"""The words of an expression: names, variables, literals, operators, regular expressions."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from stepherd.engine.jsonata.errors import JsonataError

__all__ = ["Lexer", "Token"]

_DOUBLES = ("..", ":=", "!=", ">=", "<=", "**", "~>")
_SINGLES = frozenset(".[]{}(),@#;:?+-*/%|=<>^&!~")
_SPACE = frozenset(" \t\n\r\v")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """One word: its kind (name, variable, operator, string, number, value, regex) and value."""

    kind: str
    value: Any


class Lexer:
    """Reads words one after the other. Whether ``/`` divides or begins a regular expression, the parser
    says."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def next(self, *, operator: bool) -> Token | None:  # noqa: PLR0911
        """The next word, None at the end; ``operator`` when one is expected here. Raises JsonataError."""
        self._skip()
        source, at = self._source, self._at
        if at >= len(source):
            return None
        char = source[at]
        if char == "/" and not operator:
            return self._regex()
        if source[at : at + 2] in _DOUBLES:
            self._at += 2
            return Token("operator", source[at : at + 2])
        if char in _SINGLES:
            self._at += 1
            return Token("operator", char)
        if char in "\"'":
            return self._string(char)
        number = _NUMBER.match(source, at) if char.isdigit() else None
        if number is not None:
            return self._number(number)
        return self._quoted_name() if char == "`" else self._name()

    def _skip(self) -> None:
        source = self._source
        while self._at < len(source):
            if source[self._at] in _SPACE:
                self._at += 1
            elif source.startswith("/*", self._at):
                end = source.find("*/", self._at + 2)
                if end < 0:
                    raise JsonataError("S0106")
                self._at = end + 2
            else:
                return

    def _string(self, quote: str) -> Token:
        source, at = self._source, self._at + 1
        parts: list[str] = []
        while at < len(source):
            char = source[at]
            if char == quote:
                self._at = at + 1
                return Token("string", _joined("".join(parts)))
            if char == "\\":
                at += 1
                text, at = self._escape(at)
                parts.append(text)
            else:
                parts.append(char)
                at += 1
        raise JsonataError("S0101")

    def _escape(self, at: int) -> tuple[str, int]:
        char = self._source[at : at + 1]
        if char in _ESCAPES and char:
            return _ESCAPES[char], at + 1
        if char == "u":
            digits = _HEX.match(self._source, at + 1)
            if digits is None:
                raise JsonataError("S0104")
            return chr(int(digits[0], 16)), at + 5
        raise JsonataError("S0103", token=char)

    def _number(self, match: re.Match[str]) -> Token:
        text = match[0]
        value = float(text)
        if value == float("inf"):
            raise JsonataError("S0102", token=text)
        self._at = match.end()
        return Token("number", int(value) if value.is_integer() and value <= 2**53 else value)

    def _quoted_name(self) -> Token:
        end = self._source.find("`", self._at + 1)
        if end < 0:
            raise JsonataError("S0105")
        name = self._source[self._at + 1 : end]
        self._at = end + 1
        return Token("name", name)

    def _name(self) -> Token:
        source, end = self._source, self._at
        while end < len(source) and source[end] not in _SPACE and source[end] not in _SINGLES:
            end += 1
        name = source[self._at : end]
        self._at = end
        if name.startswith("$"):
            return Token("variable", name[1:])
        if name in ("or", "in", "and"):
            return Token("operator", name)
        return Token("value", _WORDS[name]) if name in _WORDS else Token("name", name)

    def _regex(self) -> Token:
        source, start, depth = self._source, self._at + 1, 0
        at = start
        while at < len(source):
            char, escaped = source[at], source[at - 1] == "\\" and source[at - 2] != "\\"
            if char == "/" and not escaped and depth == 0:
                pattern = source[start:at]
                if not pattern:
                    raise JsonataError("S0301")
                end = at + 1
                while source[end : end + 1] in ("i", "m"):
                    end += 1
                self._at = end
                return Token("regex", (pattern, source[at + 1 : end]))
            if char in "([{" and not escaped:
                depth += 1
            elif char in ")]}" and not escaped:
                depth -= 1
            at += 1
        raise JsonataError("S0302")


def _joined(text: str) -> str:
    """Halves of a surrogate pair, written as two escapes, as the one character that they are."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return (
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if _paired(text)
        else text
    )


def _paired(text: str) -> bool:
    return re.search("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]", text) is None
