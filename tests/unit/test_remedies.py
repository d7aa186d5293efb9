"""However messages and remedies end, one sentence end lies between them when they stand in one line."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.errors import DataError
from stepherd.remedies import (
    RUN,
    Remedy,
    changed,
    commands_in,
    completed,
    joined,
    known_remedy,
    of_no_run,
    of_run,
)
from stepherd.runs.result import Failure

ENDS = ".!?…"
some_text = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40).map(str.strip)


@pytest.mark.parametrize(
    ("message", "remedy", "line"),
    [
        ("It said: overloaded", "Partial work is kept.", "It said: overloaded. Partial work is kept."),
        ("It ended.", "Try again.", "It ended. Try again."),
        ("It said 'no.'", "Try again.", "It said 'no.' Try again."),
        ("It said 'no'", "Try again.", "It said 'no'. Try again."),
        ("Really?", "Try again.", "Really? Try again."),
        ("It said:", "Try again.", "It said. Try again."),
        ("It ended.", "Go on with: stepherd redrive run_1", "It ended. Go on with: stepherd redrive run_1"),
        ("It ended", "", "It ended"),
        ("", "Try again.", "Try again."),
    ],
)
def test_one_end_lies_between_a_message_and_its_remedy(message: str, remedy: str, line: str) -> None:
    assert joined(message, remedy) == line


@given(message=some_text, remedy=some_text)
def test_whatever_they_are_there_is_one_end_between_them(message: str, remedy: str) -> None:
    line = joined(message, remedy)
    if not message or not remedy:
        assert line in (message, remedy)
        return
    assert line.endswith(remedy)
    head = line[: len(line) - len(remedy)]
    assert head.endswith(" ")
    first = head.rstrip(" \"'`”\u2019»)]}*_")
    # Quotes and brackets alone are no sentence.
    assert not first or first[-1] in ENDS
    # AND nothing was added where there was an end, but for what leads on to nothing.
    assert head.strip().rstrip(".") in message or message.rstrip(" ,;:") == ""
    assert not head.strip().endswith("..") or message.endswith("..")


@given(parts=st.lists(some_text, max_size=5))
def test_joining_twice_is_joining_once(parts: list[str]) -> None:
    assert joined(*parts[:2], joined(*parts[2:])) == joined(*parts)


def test_the_run_is_named_where_a_remedy_stands_for_any() -> None:
    named = of_run(Remedy("Look: ", ("logs", RUN), ", a RUNNER's."), "run_9")
    assert named == "Look: stepherd logs run_9, a RUNNER's."
    assert commands_in(named) == (("logs", "run_9"),)


def test_what_is_changed_is_changed_in_the_arguments_too() -> None:
    remedy = Remedy("Allow ", ("redrive", "--allow", "s3cret"))
    masked = changed(remedy, lambda text: text.replace("s3cret", "***"))
    assert "s3cret" not in masked
    assert commands_in(masked) == (("redrive", "--allow", "***"),)


@pytest.mark.parametrize("commands", [None, "redrive", [["redrive", 1]], [[]], {"a": 1}, 3, []])
def test_what_was_not_written_down_as_commands_names_none(commands: object) -> None:
    assert commands_in(known_remedy("Continue with: stepherd redrive run_1", commands)) == ()


def test_a_command_that_begins_as_another_does_is_completed_as_itself() -> None:
    remedy = Remedy(("run",), " or ", ("run", "--help"))
    told = completed(remedy, lambda command: (command[0], "--home", "/h", *command[1:]))
    assert told == "stepherd run --home /h or stepherd run --home /h --help"


def test_a_result_keeps_the_commands_and_an_older_one_is_read_without() -> None:
    error = DataError("It is damaged.", remedy=Remedy("Continue with: ", ("redrive", RUN)))
    kept = json.loads(json.dumps(asdict(Failure.of(error))))
    assert (kept["remedy"], kept["commands"]) == ("Continue with: stepherd redrive RUN", [["redrive", "RUN"]])
    assert Failure(**kept) == Failure.of(error)
    del kept["commands"]
    assert Failure(**kept).commands == ()


def test_a_remedy_before_a_run_names_the_same_command_instead_of_a_redrive() -> None:
    again = Remedy("Check it, then try again: ", ("redrive", RUN))
    assert of_no_run(again) == "Check it, then try again: the same command"
    branch = Remedy("Use another: ", ("redrive", RUN, "--branch", "NAME"), ", or see ", ("list",))
    assert of_no_run(branch) == "Use another: the same command with --branch NAME, or see stepherd list"
    assert commands_in(of_no_run(branch)) == (("list",),)
    assert of_no_run("Plain.") == "Plain."
