"""Each habit is found where it is one, and only there."""

from __future__ import annotations

import pytest
from tools.shape.habits import HABITS, habit_section, places
from tools.shape.texts import KINDS, Text

_BY_NAME = {habit.name: habit for habit in HABITS}


_CASES = [
    ("goes on", "messages", "The run goes\non.", "Stop and go once."),
    ("nobody", "help", "Nobody may.", "No one may."),
    ("What is …", "docs", "It ends. What is left is kept.", "Say what is left."),
    ("What … (no question)", "docs", "What goes in comes out.", "What goes on? Why."),
    ("who …", "docs", "Ask who administers it.", "Who can read it?"),
    ("anew", "help", "Begins anew.", "Begins a new run."),
    ("mend", "messages", "Mend it: mended.", "Amend the commit."),
    ("shall", "messages", "If it shall: x", "A shallow clone."),
    ("is none", "messages", "A name that is none.", "There is\nnone. The value is None."),
    ("three words", "docstrings", "Of stream-json.", "Reads one line of it."),
    ("is of the …", "messages", "engine is of the embedded engine", "it is the engine"),
    ("names none", "messages", "--context names none.", "--context is empty."),
    ("If it shall", "messages", "If it shall: stepherd init", "It shall."),
    (
        "Whether … is not known",
        "messages",
        "Whether X has begun is not known.",
        "Whether it is. Not known.",
    ),
    ("It is not said", "messages", "It is not said where.", "It is said."),
    ("The disk refused", "messages", "The disk refused: full", "Disk error: full"),
    ("What goes on", "help", "What goes on appears.", "Progress appears."),
    ("this once", "help", "print it: this once", "print it once"),
    ("kept nowhere", "help", "for it is kept nowhere", "it is not stored"),
    ("kept from whom", "docs", "What is kept from whom", "for whom it is"),
    ("that is none", "messages", "a header that is none", "an invalid header"),
    ("name: happening", "names", "next_happenings", "happened"),
    ("name: carry", "names", "carry", "carrying"),
    ("name: asked", "names", "_asked", "tasked"),
    ("name: wanted", "names", "wanted_login", "unwanted"),
    ("name: telling", "names", "telling", "tell"),
    ("name: keeping", "names", "keeping", "keep"),
    ("name: left_over", "names", "stop_left_over", "left"),
    ("name: pace", "names", "pace", "space"),
    ("name: unseen", "names", "unseen", "seen"),
    ("name: going_on", "names", "going_on", "ongoing_one"),
    ("name: elsewhere", "names", "elsewhere", "somewhere"),
    ("name: place", "names", "home_places", "replace"),
]
"""A habit, a kind of text, what has it and what only looks like it."""


@pytest.mark.parametrize(("habit", "kind", "bad", "good"), _CASES)
def test_a_habit_is_told_from_what_looks_like_it(habit: str, kind: str, bad: str, good: str) -> None:
    assert _BY_NAME[habit].found(Text(kind, "a", 1, bad))
    assert not _BY_NAME[habit].found(Text(kind, "a", 1, good))


def test_every_habit_has_its_case() -> None:
    assert [case[0] for case in _CASES] == [habit.name for habit in HABITS]


def test_counts_are_by_kind_and_prose_is_not_looked_for_in_names() -> None:
    texts = [
        Text("help", "a", 1, "nobody and nobody"),
        Text("docs", "a", 1, "Nobody"),
        Text("names", "a", 1, "nobody"),
    ]
    section = habit_section(texts)
    assert section.columns == KINDS
    assert section.rows["nobody"] == (2, 0, 1, 0, None)
    assert section.rows["texts in all"] == (1, 0, 1, 0, 1)


def test_a_place_has_its_line_and_the_words_around() -> None:
    found = places(_BY_NAME["anew"], [Text("docs", "docs/a.md", 5, "One\ntwo begins\nanew here")])
    assert list(found) == ["docs/a.md:7 (docs) One two begins anew here"]
