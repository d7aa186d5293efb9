"""``stepherd list``: a table that fits the terminal, filters, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stepherd.text.moments import iso_text


def test_runs_are_listed_as_wide_as_the_terminal_and_chosen_by_what_they_are(
    place: Any, terminal: Callable[..., Any]
) -> None:
    place.stepherd(
        *place.run_words("date > when.txt", "--message", "Write down\t\x1b[31mwhen it is " + "x" * 90)
    )
    place.stepherd(*place.run_words("false", "--name", "nightly"))
    whole, cut_off = json.loads(place.stepherd("list", "--json").stdout)["runs"][::-1]
    assert (whole["agent"], whole["repo"], whole["cost_usd"]) == ("command", str(place.origin), None)
    assert whole["branch"] == f"stepherd/{whole['run_id']}"
    assert whole["title"].startswith("Write down when it is xxx")
    assert (cut_off["run_id"], cut_off["branch"]) == ("nightly", None)
    for columns, shown in ((80, whole["run_id"].rpartition("_")[2]), (120, whole["run_id"])):
        seen = terminal("list", columns=columns)
        assert seen.end() == 0
        head, second, first = seen.screen.splitlines()
        assert head.split() == ["RUN", "STATUS", "AGE", "AGENT", "REPO", "BRANCH", "TITLE"]
        assert second.split()[:2] == ["nightly", "failed"]
        assert first.split()[:2] == [shown, "succeeded"]
        assert "  origin" in first
        assert len(first) == columns
        assert first.endswith("…")
    assert place.stepherd("status", shown).returncode == 0
    # AND in a pipe nothing is cut, and filters count
    (line,) = place.stepherd("list", "--status", "succeeded", "--since", "1h").stdout.splitlines()
    assert line.startswith(f"{whole['run_id']}  succeeded  ")
    assert line.endswith("x" * 90)
    for words, found in ((["--repo", "ORIGIN"], 2), (["--agent", "command"], 2), (["--agent", "q"], 0)):
        assert len(place.stepherd("list", *words).stdout.splitlines()) == found
    said = place.stepherd("list", "--repo", "elsewhere").stderr
    assert said.startswith(f"There is no such run in {place.home}. To see all: stepherd list")
    assert place.stepherd("list", "--since", "soon").returncode == 64
    # AND a status is asked for by the word that the list shows, too
    said = [place.stepherd("list", "--status", word).stderr for word in ("stopped", "aborted")]
    assert said[0] == said[1]
    assert said[0].startswith(f"There is no run with the status 'stopped' in {place.home}. ")


def test_lines_of_logs_have_times_and_are_chosen_by_them(place: Any) -> None:
    before = _now()
    place.stepherd(*place.run_words("echo one", "--name", "timed"))
    lines = place.stepherd("logs", "timed", "--timestamps").stdout.splitlines()
    times = [line.split()[0] for line in lines]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= _now()
    assert [line.split()[1:] for line in lines if "one" in line.split()] == [["RunAgent", "one"]]
    recent = json.loads(place.stepherd("logs", "timed", "--since", "1h", "--timestamps", "--json").stdout)
    assert [line["at"] for line in recent["lines"]] == times
    plain = json.loads(place.stepherd("logs", "timed", "--since", "1h", "--tail", "1", "--json").stdout)
    assert [set(line) for line in plain["lines"]] == [{"state", "message"}]
    none = place.stepherd("logs", "timed", "--since", "0s")
    assert (none.stdout, none.stderr) == ("", "Nothing was written within this time.\n")


def _now() -> str:
    return iso_text(datetime.now(UTC))


def test_a_run_whose_engine_was_killed_is_interrupted(place: Any) -> None:
    place.stepherd(
        *place.run_words(f"touch {place.path}/begun; {place.gated()}", "--name", "cut", "--detach")
    )
    place.until((place.path / "begun").exists, "the agent begins")
    place.clean_up()  # It kills the engine and the agent.
    listed = place.stepherd("list")
    assert listed.stdout.split()[:2] == ["cut", "interrupted"]
    assert listed.stderr.startswith(
        "No engine is running, so what was interrupted stands still. Continue it: "
    )
    assert json.loads(place.stepherd("list", "--json").stdout)["runs"][0]["status"] == "RUNNING"
    shown = place.stepherd("status", "cut").stdout
    assert "Interrupted; it began " in shown
    assert "Running after" not in shown
