"""Habits of language to lose, counted: words, turns of a sentence, and names that are not the field's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.shape.table import Section
from tools.shape.texts import KINDS, Text

__all__ = ["HABITS", "Habit", "habit_section", "places"]

_PROSE = ("help", "messages", "docs", "docstrings")


@dataclass(frozen=True)
class Habit:
    """``pattern`` is looked for in texts of ``kinds``; a space in it stands for any white space."""

    name: str
    pattern: str
    kinds: tuple[str, ...] = _PROSE

    def found(self, text: Text) -> list[re.Match[str]]:
        """Each use in a text."""
        if text.kind not in self.kinds:
            return []
        return list(re.finditer(self.pattern.replace(" ", r"\s+"), text.words))


def _name(name: str) -> Habit:
    return Habit(f"name: {name.removesuffix('s?')}", rf"(?:\A|_){name}(?=_|\Z)", ("names",))


HABITS = (
    Habit("goes on", r"(?i:\b(?:go|goes|going|went|gone) on\b)"),
    Habit("nobody", r"(?i:\bnobody\b)"),
    Habit("What is …", r"\bWhat is\b"),
    Habit("What … (no question)", r"\bWhat\b(?! is\b)[^.?!|]*+(?!\?)"),
    Habit("who …", r"\bwho\b"),
    Habit("anew", r"(?i:\banew\b)"),
    Habit("mend", r"(?i:\bmend(?:s|ed|ing)?\b)"),
    Habit("shall", r"(?i:\bshall\b)"),
    Habit("is none", r"(?<![Tt]here\s)\bis none\b"),
    Habit("three words", r"\A\s*\S+(?: \S+){0,2}\s*\Z", ("docstrings",)),
    Habit("is of the …", r"\bis of the\b"),
    Habit("names none", r"\bnames none\b"),
    Habit("If it shall", r"\bIf it shall\b"),
    Habit("Whether … is not known", r"\bWhether\b[^.]*? (?:is|was) not known\b"),
    Habit("It is not said", r"(?i:\bis not said\b)"),
    Habit("The disk refused", r"(?i:\bdisk refused\b)"),
    Habit("What goes on", r"(?i:\bwhat goes on\b)"),
    Habit("this once", r"(?i:\bthis once\b)"),
    Habit("kept nowhere", r"\bkept nowhere\b"),
    Habit("kept from whom", r"\bfrom whom\b"),
    Habit("that is none", r"\bthat is none\b"),
    *map(
        _name,
        (
            "happenings?", "carry", "asked", "wanted", "telling", "keeping", "left_over", "pace", "unseen",
            "going_on", "elsewhere", "places?",
        ),
    ),
)  # fmt: skip


def habit_section(texts: Sequence[Text]) -> Section:
    """Uses of each habit by kind of text; none where it is not looked for."""
    rows = {
        habit.name: tuple(_count(habit, texts, kind) if kind in habit.kinds else None for kind in KINDS)
        for habit in HABITS
    }
    sizes = tuple(sum(text.kind == kind for text in texts) for kind in KINDS)
    return Section("habits of language", KINDS, {"texts in all": sizes, **rows})


def _count(habit: Habit, texts: Sequence[Text], kind: str) -> int:
    return sum(len(habit.found(text)) for text in texts if text.kind == kind)


def places(habit: Habit, texts: Sequence[Text]) -> Iterator[str]:
    """Each use, a line each: where it is, of which kind, and the words around it."""
    for text in texts:
        for match in habit.found(text):
            line = text.line + text.words.count("\n", 0, match.start())
            around = text.words[max(0, match.start() - 40) : match.end() + 40]
            yield f"{text.where}:{line} ({text.kind}) {' '.join(around.split())}"
