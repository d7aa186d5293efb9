"""The live picture, the lines, and drawing in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.cli.follow.views import make_view, picture
from stepherd.cli.output import Output
from stepherd.cli.terminal.screen import Part, Screen
from stepherd.history.progress import Progress, StateRow
from stepherd.text.terminal import width


def progress_of(*rows: StateRow, status: str = "RUNNING") -> Progress:
    progress = Progress()
    progress.rows, progress.started, progress.status = list(rows), 100.0, status
    return progress


def text_of(lines: list[list[Part]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_the_picture_has_a_line_a_state_and_running_clocks() -> None:
    done = StateRow("Clone", 100, "SUCCEEDED", 101.5, 1, exited=True)
    again = StateRow("RunAgent", 101.5, "RUNNING", None, 2)
    lines = text_of(picture(progress_of(done, again), 110, (80, 24), "Ctrl-C asks."))
    assert lines == [
        "  ✓ Clone            1.5 s",
        "  ● RunAgent         8.5 s  try 2",
        "  10 s. Ctrl-C asks.",
    ]


def test_what_is_not_ordinary_is_said() -> None:
    rows = [
        StateRow("A", 100, "FAILED", 101, 3, "Oops", exited=True),
        StateRow("B", 100, "FAILED", 101, 1, "Oops"),
        StateRow("C", 100, "ABORTED", 101, 1),
        StateRow("D", 100, "TIMED_OUT", 101, 1, exited=True),
        StateRow("ReportFailure", 100, "FAILED", 101, 1, "RunFailed"),
    ]
    lines = text_of(picture(progress_of(*rows), 110, (80, 24), ""))
    assert [line.split("1.0 s")[1].strip() for line in lines] == [
        "failed, 3 tries", "to be tried again", "stopped", "timed out", "",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_many_states_with_long_and_hostile_names_stay_in_24_lines(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Screen, "size", lambda _: (columns, 24))
    rows = [StateRow(f"State{number}\x1b[2J[/foo]你好" * 5, 100) for number in range(60)]
    screen = Screen()
    screen.draw(picture(progress_of(*rows), 110, (columns, 24), "words " * 40))
    drawn = capsys.readouterr().err.removeprefix("\r").removesuffix("\x1b[J").replace("\x1b[K", "")
    lines = drawn.splitlines()
    assert len(lines) <= 23
    assert all(width(line) < columns for line in lines)
    assert "\x1b" not in drawn
    assert lines[0].startswith("  … 40 before"[: columns - 2])


def test_a_picture_replaces_the_one_before_even_when_it_was_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = [80, 24]
    monkeypatch.setattr(Screen, "size", lambda _: (size[0], size[1]))
    screen = Screen()
    screen.draw([[("a" * 70, None)], [("b", None)]])
    screen.draw([[("c", None)]])
    assert capsys.readouterr().err.split("\x1b[J")[1].startswith("\r\x1b[2A")
    screen.draw([[("a" * 70, None)], [("b", None)]])
    capsys.readouterr()
    size[0] = 40
    screen.draw([[("c", None)]])
    assert capsys.readouterr().err.startswith("\r\x1b[3A")


def test_lines_are_never_repeated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    view, row = make_view(Output()), StateRow("RunAgent", 101)
    progress = progress_of(row)
    for attempts in (0, 1, 1, 2):
        row.attempts = attempts
        view.update(progress, [row])
    row.status, row.ended, row.exited = "SUCCEEDED", 112.0, True
    view.update(progress, [row])
    view.update(progress, [row])
    assert capsys.readouterr().err.splitlines() == [
        "       1.0 s  ● RunAgent started",
        "       1.0 s  ● RunAgent try 2",
        "        12 s  ✓ RunAgent succeeded after 11 s",
    ]


def test_a_terminal_without_unicode_gets_plain_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepherd.client.run_text.sys.stderr", type("Ascii", (), {"encoding": "ascii"})())
    assert text_of(picture(progress_of(StateRow("A", 100)), 101, (80, 24), ""))[0].startswith("  * A")
