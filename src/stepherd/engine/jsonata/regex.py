"""Regular expressions of JavaScript, matched by backtracking that pays for every step.

No library is used: Python's own has another dialect (``\\d``, ``\\w``, ``$``, named groups, back
references to groups that have not matched), and cannot be stopped once it runs. The pattern becomes a list
of instructions; what is still to be tried is a list, not Python's stack, so a long text needs no deep
recursion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from stepherd.engine.jsonata.errors import ExpressionTooLongError, JsonataError
from stepherd.engine.jsonata.regex_syntax import (
    Alternatives,
    Assertion,
    Backreference,
    Characters,
    Group,
    Item,
    Look,
    Pattern,
    Repeat,
    parse_regex,
)
from stepherd.engine.jsonata.scope import Run

__all__ = ["Match", "Regex", "compile_regex"]

_MOST_WAITING = 1_000_000
"""Places to come back to, of one search."""
_MOST_INSTRUCTIONS = 50_000
_BATCH = 500


class Match(NamedTuple):
    """A match: where it is, and the text of its groups, None for one that took no part."""

    start: int
    end: int
    groups: list[str | None]
    named: dict[str, str | None]


@dataclass(slots=True)
class _Loop:
    """A repeat: where it counts, where the iteration began, and where to go."""

    count: int
    began: int
    least: int
    most: int | None
    lazy: bool
    groups: range
    exit: int = 0


class _Search:
    """One search in one text. ``places`` holds the borders of groups, then counters of repeats."""

    __slots__ = ("left", "places", "run", "text", "undo")

    def __init__(self, text: str, places: int, run: Run) -> None:
        self.text = text
        self.places = [-1] * places
        self.run = run
        self.undo: list[tuple[int, int]] = []
        self.left = _BATCH

    def put(self, place: int, value: int) -> None:
        """Set a place in a way that can be taken back."""
        self.undo.append((place, self.places[place]))
        self.places[place] = value

    def back(self, mark: int) -> None:
        """Take back what was set since a mark."""
        undo, places = self.undo, self.places
        while len(undo) > mark:
            place, value = undo.pop()
            places[place] = value

    def pay(self, waiting: int) -> None:
        """Pay for a batch of instructions."""
        self.run.step(_BATCH - self.left)
        self.left = _BATCH
        if waiting + len(self.undo) > _MOST_WAITING:
            raise ExpressionTooLongError("Regular expression needs too much memory: Check for nested repeats")


_Step = Callable[[_Search, int, list["_Way"]], tuple[int, int]]
"""An instruction: gives the next instruction and place; (-1, …) to go back, (-2, …) at the end of the
pattern."""


class _Way(NamedTuple):
    """Somewhere to come back to. With ``least`` below ``at``, one place earlier is another way."""

    instruction: int
    at: int
    mark: int
    least: int


_FAIL = (-1, 0)


class Regex:
    """A compiled regular expression."""

    def __init__(self, pattern: Pattern) -> None:
        self._count = pattern.groups
        self._names = pattern.names
        compiler = _Compiler(pattern.groups)
        self._steps = compiler.program(pattern.body)
        self._places = compiler.places

    def search(self, text: str, start: int, run: Run) -> Match | None:
        """The first match from a place on; pays the run for its steps, raises when that has no more."""
        search = _Search(text, self._places, run)
        for at in range(start, len(text) + 1):
            end = _matched(self._steps, search, at)
            if end >= 0:
                search.pay(0)
                return self._found(search, at, end)
        search.pay(0)
        return None

    def _found(self, search: _Search, start: int, end: int) -> Match:
        places = search.places
        groups = [
            search.text[places[2 * group] : places[2 * group + 1]] if places[2 * group + 1] >= 0 else None
            for group in range(1, self._count + 1)
        ]
        return Match(start, end, groups, {name: groups[group - 1] for name, group in self._names.items()})


@lru_cache(maxsize=1000)
def compile_regex(pattern: str, flags: str) -> Regex:
    """Read a regular expression; raises JsonataError S0303 for one that JavaScript would not take."""
    return Regex(parse_regex(pattern, flags))


def _matched(steps: list[_Step], search: _Search, at: int) -> int:
    """The end of the match that begins at a place, or -1."""
    ways: list[_Way] = []
    mark = len(search.undo)
    instruction = 0
    while True:
        search.left -= 1
        if search.left < 0:
            search.pay(len(ways))
        instruction, at = steps[instruction](search, at, ways)
        if instruction == -2:
            return at
        if instruction == -1:
            if not ways:
                search.back(mark)
                return -1
            way = ways.pop()
            search.back(way.mark)
            instruction, at = way.instruction, way.at
            if way.least < at:
                ways.append(_Way(instruction, at - 1, way.mark, way.least))


class _Compiler:
    def __init__(self, groups: int) -> None:
        self.places = 2 * groups + 2
        self._steps: list[_Step] = []

    def program(self, body: Item) -> list[_Step]:
        """The instructions for a body, with the end of the pattern behind it."""
        outer, self._steps = self._steps, []
        self._add(body)
        self._emit(lambda _search, at, _ways: (-2, at))
        program, self._steps = self._steps, outer
        return program

    def _emit(self, step: _Step) -> int:
        if len(self._steps) > _MOST_INSTRUCTIONS:
            raise JsonataError("S0303", value="too large")
        self._steps.append(step)
        return len(self._steps)

    def _add(self, item: Item) -> None:
        match item:
            case list():
                for part in item:
                    self._add(part)
            case Characters():
                self._emit(_characters(item, len(self._steps) + 1))
            case Assertion():
                self._emit(_assertion(item, len(self._steps) + 1))
            case Backreference():
                self._emit(_backreference(item, len(self._steps) + 1))
            case Group():
                self._group(item)
            case Alternatives():
                self._alternatives(item)
            case Look():
                program = self.program(item.body)
                self._emit(
                    (_look_behind if item.behind else _look_ahead)(item, program, len(self._steps) + 1)
                )
            case Repeat():
                self._repeat(item)

    def _group(self, item: Group) -> None:
        number = item.number
        if number is None:
            self._add(item.body)
            return
        # The begin waits in a place of its own: inside, the group still has its earlier match.
        begin = self.places
        self.places += 1
        self._emit(_mark(begin, len(self._steps) + 1))
        self._add(item.body)
        self._emit(_close(number, begin, len(self._steps) + 1))

    def _alternatives(self, item: Alternatives) -> None:
        ends: list[list[int]] = []
        for choice in item.choices[:-1]:
            other = [0]
            self._emit(_split(len(self._steps) + 1, other))
            self._add(choice)
            ends.append([0])
            self._emit(_jump(ends[-1]))
            other[0] = len(self._steps)
        self._add(item.choices[-1])
        for end in ends:
            end[0] = len(self._steps)

    def _repeat(self, item: Repeat) -> None:
        if isinstance(item.body, Characters) and not item.lazy:
            self._emit(_greedy(item, item.body, len(self._steps) + 1))
            return
        loop = _Loop(self.places, self.places + 1, item.least, item.most, item.lazy, item.groups)
        self.places += 2
        self._emit(_begin(loop, len(self._steps) + 1))
        head = len(self._steps)
        self._emit(_choose(loop, head + 1))
        self._emit(_enter(loop, head + 2))
        self._add(item.body)
        self._emit(_again(loop, head))
        loop.exit = len(self._steps)


def _characters(item: Characters, following: int) -> _Step:
    contains, more = item.contains, item.cost - 1

    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        search.left -= more
        text = search.text
        return (following, at + 1) if at < len(text) and contains(text[at]) else _FAIL

    return step


def _assertion(item: Assertion, following: int) -> _Step:
    holds = item.holds
    return lambda search, at, _ways: (following, at) if holds(search.text, at) else _FAIL


def _backreference(item: Backreference, following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        start, stop = search.places[2 * item.number], search.places[2 * item.number + 1]
        if start < 0 or stop < 0:
            return following, at
        search.run.step((stop - start) >> 4)
        wanted, there = search.text[start:stop], search.text[at : at + stop - start]
        same = wanted == there or (item.ignore_case and wanted.upper() == there.upper())
        return (following, at + len(wanted)) if same else _FAIL

    return step


def _mark(place: int, following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        search.put(place, at)
        return following, at

    return step


def _close(number: int, begin: int, following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        search.put(2 * number, search.places[begin])
        search.put(2 * number + 1, at)
        return following, at

    return step


def _split(following: int, other: list[int]) -> _Step:
    def step(search: _Search, at: int, ways: list[_Way]) -> tuple[int, int]:
        ways.append(_Way(other[0], at, len(search.undo), at))
        return following, at

    return step


def _jump(target: list[int]) -> _Step:
    return lambda _search, at, _ways: (target[0], at)


def _greedy(item: Repeat, characters: Characters, following: int) -> _Step:
    least, most = item.least, item.most
    contains, cost = characters.contains, characters.cost
    most_at_once = max(1, 10 * _BATCH // cost)

    def step(search: _Search, at: int, ways: list[_Way]) -> tuple[int, int]:
        text = search.text
        limit = len(text) if most is None else min(len(text), at + most)
        end = at
        while True:
            begin, stop = end, min(limit, end + most_at_once)
            while end < stop and contains(text[end]):
                end += 1
            search.left -= (end - begin) * cost >> 1
            if end < stop or end == limit:
                break
            search.pay(len(ways))
        if end - at < least:
            return _FAIL
        if end > at + least:
            ways.append(_Way(following, end - 1, len(search.undo), at + least))
        return following, end

    return step


def _begin(loop: _Loop, following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        search.put(loop.count, 0)
        return following, at

    return step


def _choose(loop: _Loop, enter: int) -> _Step:
    def step(search: _Search, at: int, ways: list[_Way]) -> tuple[int, int]:
        count = search.places[loop.count]
        if count < loop.least:
            return enter, at
        if loop.most is not None and count >= loop.most:
            return loop.exit, at
        first, second = (loop.exit, enter) if loop.lazy else (enter, loop.exit)
        ways.append(_Way(second, at, len(search.undo), at))
        return first, at

    return step


def _enter(loop: _Loop, following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        search.put(loop.count, search.places[loop.count] + 1)
        search.put(loop.began, at)
        for number in loop.groups:
            search.put(2 * number, -1)
            search.put(2 * number + 1, -1)
        return following, at

    return step


def _again(loop: _Loop, head: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        # An iteration that matched nothing and was not asked for would go round for ever.
        empty = search.places[loop.count] > loop.least and at == search.places[loop.began]
        return _FAIL if empty else (head, at)

    return step


def _look_ahead(item: Look, program: list[_Step], following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        mark = len(search.undo)
        found = _matched(program, search, at) >= 0
        if item.negative and found:
            search.back(mark)
        return _FAIL if found == item.negative else (following, at)

    return step


def _look_behind(item: Look, program: list[_Step], following: int) -> _Step:
    def step(search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        mark = len(search.undo)
        found = any(_ends_at(program, search, start, at) for start in range(at, -1, -1))
        if item.negative and found:
            search.back(mark)
        return _FAIL if found == item.negative else (following, at)

    return step


def _ends_at(program: list[_Step], search: _Search, start: int, end: int) -> bool:
    def whole(_search: _Search, at: int, _ways: list[_Way]) -> tuple[int, int]:
        return (-2, at) if at == end else _FAIL

    return _matched([*program[:-1], whole], search, start) >= 0
