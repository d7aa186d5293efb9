"""``stepherd run`` at a terminal: the live view, the question after Ctrl-C, and every way to leave."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

Terminals = Callable[..., Any]


def state(place: Any, run_id: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(place.stepherd("status", run_id, "--json").stdout)
    return fields


def test_a_run_is_shown_live_and_leaves_a_clean_screen(place: Any, terminal: Terminals) -> None:
    # WHEN a run is followed at a terminal of 60 columns
    shown = terminal(*place.run_words(f"{place.gated()}; date > when.txt", "--name", "alive"), columns=60)
    shown.expect("● RunAgent")
    shown.expect("Ctrl-C asks whether to stop it.")
    clocks = set()
    while len(clocks) < 3:  # The clock runs on although nothing happens.
        shown.read()
        clocks |= set(re.findall(r"RunAgent +([0-9.]+ s)", shown.screen))
    place.open()
    # THEN at its end every state stands there once, with its time, and nothing else is left
    assert shown.end() == 0
    lines = shown.screen.splitlines()
    assert lines[0] == "Run alive"
    states = ["PrepareRun", "CloneRepository", "RunAgent", "CommitAndPush", "ReportRun"]
    assert [line.split()[1] for line in lines[1:6]] == states
    assert all(re.fullmatch(r"  ✓ \w+ +[0-9.]+ s", line) for line in lines[1:6])
    assert len({len(line) for line in lines[1:6]}) == 1, "the columns are aligned"
    assert lines[6].startswith("Succeeded after")
    assert "Ctrl-C" not in shown.screen
    assert len(lines) <= 24
    assert lines[-1].startswith("  report"), "the branch is not printed a second time"


def test_no_color_means_none(place: Any, terminal: Terminals) -> None:
    place.environment["NO_COLOR"] = "1"
    shown = terminal(*place.run_words("true"))
    assert shown.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*m", shown.raw)


def test_ctrl_c_asks_while_the_run_goes_on_and_w_watches_on(place: Any, terminal: Terminals) -> None:
    shown = terminal(*place.run_words(place.gated(), "--name", "watched"))
    shown.expect("● RunAgent")
    shown.press("\x03")
    shown.expect("[s]top the run, [c]ontinue it in the background, or keep [w]atching?")
    before = shown.screen
    shown.press("x")  # Means nothing.
    while shown.screen == before:
        shown.read()
    shown.press("w")
    shown.expect("Ctrl-C asks whether to stop it.")
    assert shown.is_as_before()
    place.open()
    assert shown.end() == 0


def test_the_question_goes_away_when_the_run_ends_meanwhile(place: Any, terminal: Terminals) -> None:
    shown = terminal(*place.run_words(place.gated()))
    shown.expect("● RunAgent")
    shown.press("\x03")
    shown.expect("atching?")
    place.open()
    assert shown.end() == 0
    assert "atching?" not in shown.screen
    assert shown.is_as_before()


def test_lines_are_parted_between_words_and_never_in_a_path_or_a_command(
    place: Any, terminal: Terminals
) -> None:
    shown = terminal("status", "nope", columns=44)
    assert shown.end() == 66
    words = f"stepherd: There are no runs in {place.home} yet. Start one: stepherd run --help"
    lines = [line for line in shown.screen.splitlines() if line]
    assert " ".join(lines) == words
    assert lines[0] == "stepherd: There are no runs in"
    assert "Start one: stepherd run --help" in lines[-1]


@pytest.mark.parametrize("answer", ["s", "\x03"])
def test_s_or_a_second_ctrl_c_stops_the_run_and_all_its_processes(
    place: Any, terminal: Terminals, answer: str
) -> None:
    shown = terminal(*place.run_words("sleep 300", "--name", "stopped"))
    shown.expect("● RunAgent")
    shown.press("\x03")
    shown.expect("atching?")
    shown.press(answer)
    assert shown.end() == 130
    assert "Stopped after" in shown.screen
    assert "stepherd redrive stopped" in shown.screen
    assert "There was no work to keep." in shown.screen
    assert shown.screen.count("PrepareRun") == 1, "nothing is drawn over what was said"
    assert place.processes() == [], "who waits for the stop finds nothing left"
    assert shown.is_as_before()
    assert state(place, "stopped")["status"] == "ABORTED"


def test_c_leaves_the_run_to_the_background_where_it_ends(place: Any, terminal: Terminals) -> None:
    shown = terminal(*place.run_words(f"{place.gated()}; date > when.txt", "--name", "left"))
    shown.expect("● RunAgent")
    shown.press("\x03")
    shown.expect("atching?")
    shown.press("c")
    assert shown.end() == 130
    assert "left continues in the background." in shown.screen
    assert "stepherd watch left" in shown.screen
    place.open()
    watched = place.stepherd("watch", "left")
    assert (watched.returncode, watched.stdout) == (0, "stepherd/left\n")
    agent = next(row for row in state(place, "left")["states"] if row["name"] == "RunAgent")
    assert agent["attempts"] == 1, "its process was adopted, not started again"


def test_closing_the_terminal_leaves_the_run_to_the_background(place: Any, terminal: Terminals) -> None:
    shown = terminal(*place.run_words(f"{place.gated()}; date > when.txt", "--name", "closed"))
    shown.expect("● RunAgent")
    shown.hang_up()
    shown.process.wait(30)
    assert shown.process.returncode == 129
    place.open()
    assert place.stepherd("watch", "closed").returncode == 0


def test_watching_ends_with_ctrl_c_and_the_run_does_not(place: Any, terminal: Terminals) -> None:
    assert place.stepherd(*place.run_words(place.gated(), "--name", "seen", "--detach")).stdout == "seen\n"
    shown = terminal("watch", "seen")
    shown.expect("● RunAgent")
    shown.press("\x03")
    assert shown.end() == 130
    assert shown.screen.count("RunAgent") == 1
    assert "seen continues in the background." in shown.screen
    place.open()
    assert place.stepherd("watch", "seen").returncode == 0


def test_sigterm_stops_the_run_without_asking(place: Any, terminal: Terminals) -> None:
    shown = terminal(*place.run_words("sleep 300", "--name", "terminated"))
    shown.expect("● RunAgent")
    shown.process.send_signal(signal.SIGTERM)
    assert shown.end() == 143
    assert "stopped by SIGTERM" in shown.screen
    assert place.processes() == []
