"""The syntax of JavaScript's regular expressions, without the flag ``u`` and with what browsers allow
besides."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from stepherd.engine.jsonata.errors import JsonataError

__all__ = [
    "Alternatives",
    "Assertion",
    "Backreference",
    "Characters",
    "Group",
    "Item",
    "Look",
    "Pattern",
    "Repeat",
    "parse_regex",
]

_MOST_REPEATS = 1_000_000_000
_LINE_ENDS = "\n\r\u2028\u2029"
_SPACES = frozenset(
    "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
)
_DIGITS = frozenset("0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_QUANTIFIER = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_NAME = re.compile(r"<([A-Za-z_$][\w$]*)>")
_HEX = {"x": re.compile(r"[0-9a-fA-F]{2}"), "u": re.compile(r"[0-9a-fA-F]{4}")}

Predicate = Callable[[str], bool]


@dataclass(slots=True)
class Characters:
    """One character of a set. ``cost``: steps of one look."""

    contains: Predicate
    cost: int = 1


@dataclass(slots=True)
class Assertion:
    """A place that must be of a kind: begin, end, border of a word. ``holds(text, at)``."""

    holds: Callable[[str, int], bool]


@dataclass(slots=True)
class Backreference:
    """A reference to the text that a group has matched."""

    number: int
    ignore_case: bool
    name: str | None = None


@dataclass(slots=True)
class Group:
    """A group; its number when it captures."""

    body: Item
    number: int | None


@dataclass(slots=True)
class Look:
    """A look ahead or behind, positive or negative."""

    body: Item
    behind: bool
    negative: bool


@dataclass(slots=True)
class Alternatives:
    """A disjunction (``a|b``): the first choice that leads to a match counts."""

    choices: list[Item]


@dataclass(slots=True)
class Repeat:
    """An item, from ``least`` to ``most`` times; ``groups`` are the numbers of the groups inside."""

    body: Item
    least: int
    most: int | None
    lazy: bool
    groups: range


Item = list["Item"] | Characters | Assertion | Backreference | Group | Look | Alternatives | Repeat


@dataclass(slots=True)
class Pattern:
    """A whole regular expression."""

    body: Item
    groups: int
    names: dict[str, int] = field(default_factory=dict)


def parse_regex(pattern: str, flags: str) -> Pattern:
    """Read a regular expression; raises JsonataError S0303."""
    return _Parser(pattern, flags).whole()


class _Parser:
    def __init__(self, pattern: str, flags: str) -> None:
        self._text = pattern
        self._at = 0
        self._fold = "i" in flags
        self._lines = "m" in flags
        self._groups = 0
        self._names: dict[str, int] = {}
        self._total = _groups_in(pattern)
        self._named = "(?<" in re.sub(r"\(\?<[=!]", "", pattern)
        self._references: list[Backreference] = []

    def whole(self) -> Pattern:
        body = self._alternatives()
        if self._at < len(self._text):
            raise self._error("Unmatched ')'")
        for reference in self._references:
            if reference.name not in self._names:
                raise self._error("Invalid named capture referenced")
            reference.number = self._names[reference.name]
        return Pattern(body, self._groups, self._names)

    def _error(self, words: str) -> JsonataError:
        return JsonataError("S0303", value=f"/{self._text}/: {words}")

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        if not self._peek(text):
            return False
        self._at += len(text)
        return True

    def _alternatives(self) -> Item:
        choices: list[Item] = [self._sequence()]
        while self._take("|"):
            choices.append(self._sequence())
        return choices[0] if len(choices) == 1 else Alternatives(choices)

    def _sequence(self) -> list[Item]:
        items: list[Item] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            first = self._groups + 1
            items.append(self._quantified(self._atom(), first))
        return items

    def _quantified(self, atom: Item, first: int) -> Item:
        bounds = self._bounds()
        if bounds is None:
            return atom
        if isinstance(atom, Assertion) or (isinstance(atom, Look) and atom.behind):
            raise self._error("Nothing to repeat")
        least, most = bounds
        lazy = self._take("?")
        return Repeat(atom, least, most, lazy, range(first, self._groups + 1))

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        match = _QUANTIFIER.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        least = min(int(match[1]), _MOST_REPEATS)
        most = least if match[2] is None else None if not match[3] else min(int(match[3]), _MOST_REPEATS)
        if most is not None and most < least:
            raise self._error("numbers out of order in {} quantifier")
        return least, most

    def _atom(self) -> Item:  # noqa: PLR0911
        char = self._text[self._at]
        if char in "*+?" or _QUANTIFIER.match(self._text, self._at):
            raise self._error("Nothing to repeat")
        self._at += 1
        match char:
            case "^":
                return Assertion(_line_start if self._lines else lambda _text, at: at == 0)
            case "$":
                return Assertion(_line_end if self._lines else lambda text, at: at == len(text))
            case ".":
                return Characters(lambda one: one not in _LINE_ENDS)
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
        return self._literal(char)

    def _literal(self, char: str) -> Characters:
        if self._fold and char.lower() != char.upper():
            wanted = _folded(char)
            return Characters(lambda one: _folded(one) == wanted)
        return Characters(char.__eq__)

    def _group(self) -> Item:
        for opener, behind, negative in (("?=", 0, 0), ("?!", 0, 1), ("?<=", 1, 0), ("?<!", 1, 1)):
            if self._take(opener):
                return Look(self._closed(), bool(behind), bool(negative))
        if self._take("?:"):
            return Group(self._closed(), None)
        name = None
        if self._take("?"):
            match = _NAME.match(self._text, self._at)
            if match is None:
                raise self._error("Invalid group")
            self._at = match.end()
            name = match[1]
            if name in self._names:
                raise self._error("Duplicate capture group name")
        self._groups += 1
        number = self._groups
        if name is not None:
            self._names[name] = number
        return Group(self._closed(), number)

    def _closed(self) -> Item:
        body = self._alternatives()
        if not self._take(")"):
            raise self._error("Unterminated group")
        return body

    # Escapes and classes

    def _escape(self) -> Item:
        if self._at >= len(self._text):
            raise self._error("\\ at end of pattern")
        char = self._text[self._at]
        if char in "bB":
            self._at += 1
            inside = char == "b"
            return Assertion(lambda text, at: _border(text, at) == inside)
        if char == "k" and self._named:
            match = _NAME.match(self._text, self._at + 1)
            if match is None:
                raise self._error("Invalid named reference")
            self._at = match.end()
            self._references.append(Backreference(0, self._fold, match[1]))
            return self._references[-1]
        digits = re.compile(r"[1-9][0-9]*").match(self._text, self._at)
        if digits is not None and int(digits[0]) <= self._total:
            self._at = digits.end()
            return Backreference(int(digits[0]), self._fold)
        found = self._class_escape()
        return self._literal(found) if isinstance(found, str) else Characters(found)

    def _class_escape(self) -> str | Predicate:  # noqa: PLR0911
        """Read an escape, in a class or outside of one: it stands for a character, or for a set of them."""
        char = self._text[self._at]
        self._at += 1
        if char in "dDwWsS":
            members = {"d": _DIGITS, "w": _WORD, "s": _SPACES}[char.lower()]
            return members.__contains__ if char.islower() else lambda one: one not in members
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in _HEX:
            match = _HEX[char].match(self._text, self._at)
            if match is None:
                return char
            self._at = match.end()
            return chr(int(match[0], 16))
        if char == "c":
            letter = self._text[self._at : self._at + 1]
            if letter.isascii() and letter.isalpha():
                self._at += 1
                return chr(ord(letter) % 32)
            self._at -= 1
            return "\\"
        if char in "01234567":
            match = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?").match(self._text, self._at - 1)
            assert match is not None
            self._at = match.end()
            return chr(int(match[0], 8))
        return char

    def _class(self) -> Characters:
        negated = self._take("^")
        parts: list[Predicate] = []
        while not self._take("]"):
            first = self._member()
            dash = self._peek("-") and self._text[self._at + 1 : self._at + 2] not in ("]", "")
            if not dash:
                parts.append(_one(first))
                continue
            self._at += 1
            last = self._member()
            if isinstance(first, str) and isinstance(last, str):
                if first > last:
                    raise self._error("Range out of order in character class")
                parts.append(_span(first, last))
            else:
                parts += [_one(first), _one("-"), _one(last)]
        return Characters(_union(parts, negated=negated, fold=self._fold), 1 + len(parts) // 4)

    def _member(self) -> str | Predicate:
        if self._at >= len(self._text):
            raise self._error("Unterminated character class")
        char = self._text[self._at]
        self._at += 1
        if char != "\\":
            return char
        if self._at >= len(self._text):
            raise self._error("\\ at end of pattern")
        if self._take("b"):
            return "\b"
        return self._class_escape()


def _one(member: str | Predicate) -> Predicate:
    return member.__eq__ if isinstance(member, str) else member


def _span(first: str, last: str) -> Predicate:
    return lambda one: first <= one <= last


def _union(parts: list[Predicate], *, negated: bool, fold: bool) -> Predicate:
    def contains(one: str) -> bool:
        return any(part(one) for part in parts)

    def folded(one: str) -> bool:
        return contains(one) or contains(one.lower()) or contains(_folded(one))

    plain = folded if fold else contains
    return (lambda one: not plain(one)) if negated else plain


def _folded(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 and (upper > "\x7f" or char <= "\x7f") else char


def _border(text: str, at: int) -> bool:
    before = at > 0 and text[at - 1] in _WORD
    return before != (at < len(text) and text[at] in _WORD)


def _line_start(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] in _LINE_ENDS


def _line_end(text: str, at: int) -> bool:
    return at == len(text) or text[at] in _LINE_ENDS


def _groups_in(pattern: str) -> int:
    """How many groups capture: a back reference to a later one is still a back reference."""
    # A letter stands for what is left out: without it, "([a]?)" would begin as a group that captures nothing.
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern, flags=re.DOTALL)
    return len(re.findall(r"\((?!\?)|\(\?<(?![=!])", bare))
