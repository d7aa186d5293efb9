"""Habits of language are counted where they are, and messages and help have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools.shape.texts import Text
from tools.words.__main__ import all_texts, counts
from tools.words.habits import HABITS, KINDS, find

_CASES = [
    ("goes on", "The run goes\non.", "Stop it, go, and turn it on."),
    ("nobody", "Nobody answers.", "No one answers."),
    ("anew", "The work begins anew.", "A new run begins."),
    ("mend", "It can be mended.", "Amend the commit, as recommended."),
    ("shall", "If it shall be.", "A shallow clone."),
    ("is none", "A header that is none.", "There is none. The value is None."),
    ("What is …", "It ends. What is left is kept.", "Keep what is left. What is left?"),
    ("What …", "## What a run writes", "It is what it says. What did it do, and why?"),
    (
        "who …",
        "Ask, for who calls may not know. Who wins?",
        "Whoever calls, and people who know. Who can read it?",
    ),
    ("who …", "It ends. Who reads it first keeps it.", "A person who approves. Ask the one who did."),
    ("short docstring", "Of stream-json.", "Reads lines of JSON."),
]
"""A habit, words that have it, and words that only look like it."""


@pytest.mark.parametrize(("habit", "bad", "good"), _CASES)
def test_a_habit_is_told_from_what_looks_like_it(habit: str, bad: str, good: str) -> None:
    assert habit in {use.habit for use in find(Text("docstrings", "a", 1, bad))}
    assert habit not in {use.habit for use in find(Text("docstrings", "a", 1, good))}


def test_every_habit_has_its_case() -> None:
    assert {case[0] for case in _CASES} == HABITS.keys()


def test_code_is_no_prose_and_lines_are_counted() -> None:
    (use,) = find(Text("docs", "a", 5, "`nobody` and\n```\nnobody\n```\nnobody"))
    assert (use.habit, use.line) == ("nobody", 9)


def test_a_short_text_is_no_habit_but_in_a_docstring() -> None:
    assert not list(find(Text("comments", "a", 1, "Of stream-json.")))


@pytest.fixture(scope="module")
def texts() -> list[Text]:
    return all_texts()


def test_messages_and_help_have_no_habit(texts: list[Text]) -> None:
    uses = [use for text in texts if text.kind in {"messages", "help"} for use in find(text)]
    assert [f"{use.text.where}:{use.line} {use.habit}: {use.words}" for use in uses] == []


_MOST = {"docstrings": 20, "comments": 10, "docs": 5}
"""Uses of habits in other texts: a few may come in with new code, and go when someone reads it again."""


def test_other_texts_have_few(texts: list[Text]) -> None:
    before = json.loads((Path(__file__).parents[4] / "tools/words/before.json").read_text(encoding="utf-8"))
    now = counts(texts)
    assert before.keys() == now.keys()
    assert {*_MOST, "messages", "help"} == set(KINDS)
    uses = {kind: sum(row[kind] for row in now.values()) for kind in _MOST}
    assert {kind: count for kind, count in uses.items() if count > _MOST[kind]} == {}
