"""The stream of each output, and the commands that are suggested."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from stepherd.backends.choice import default_home
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import home_path
from stepherd.cli.output import Output
from stepherd.errors import NotFoundError, UsageError
from stepherd.remedies import Remedy
from stepherd.text.durations import seconds_text


def test_the_home_is_the_flag_then_the_environment_then_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_path(None) == Path.home() / ".stepherd" == default_home()
    monkeypatch.setenv("STEPHERD_HOME", "relative")
    assert home_path(None) == tmp_path / "relative"
    assert home_path("~/here/../there") == Path.home() / "there"
    for bad in ("", "a\0b"):
        with pytest.raises(UsageError):
            home_path(bad)


def test_an_error_is_one_line_and_with_json_one_object_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    error = NotFoundError("There is no\nrun \x1b[31m'x'.", remedy=Remedy("See: ", ("list",)))
    assert Invocation(default_home()).output.error(error) == 66
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "stepherd: There is no run 'x'. See: stepherd list\n")
    assert Invocation(tmp_path, as_json=True).output.error(error) == 66
    fields = json.loads(capsys.readouterr().out)["error"]
    assert fields["category"] == "not_found"
    assert fields["remedy"] == f"See: stepherd list --home {tmp_path}"


def test_a_pipe_that_nobody_reads_any_more_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    output = Output()
    monkeypatch.setattr("sys.stdout", Closed())
    monkeypatch.setattr("sys.stderr", Closed())
    output.data("lost")
    output.note("lost")
    output.error(UsageError("lost"))


def test_colours_are_for_terminals_and_no_color_says_no(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = Output()
    output.note("plain", fg="red")
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    output.note("red", fg="red")
    assert capsys.readouterr().err == "plain\n\x1b[31mred\x1b[0m\n"
    monkeypatch.delenv("CLICOLOR_FORCE")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    output.note("red", fg="red")
    monkeypatch.setenv("NO_COLOR", "1")
    output.note("plain", fg="red")
    assert capsys.readouterr().err == "\x1b[31mred\x1b[0m\nplain\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"),
     (200, "3 min 20 s"), (7_500, "2 h 05 min"), (90_000, "1 d 01 h")],
)  # fmt: skip
def test_durations_are_short(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
