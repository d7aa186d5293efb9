"""Every command over pipes: what goes where, what --json prints, and what is said when it cannot be done."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

RUN_KEYS = {
    "run_id", "status", "branch", "commit", "base_commit", "compare", "bundle", "verify", "partial",
    "summary", "files_changed", "report", "console", "states", "seconds", "redrives", "error",
    "automation", "kept", "commits", "left_out", "totals",
}  # fmt: skip


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The output of --json: one object and nothing else."""
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def git(place: Any, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(place.origin), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_run_tells_its_changes_once_and_gives_the_branch(place: Any) -> None:
    done = place.stepherd(*place.run_words("date > when.txt", "--name", "first"))
    assert (done.returncode, done.stdout) == (0, "stepherd/first\n")
    lines = done.stderr.splitlines()
    assert lines[0] == "Run first"
    assert lines.count("Run first") == 1
    changes = [line[12:] for line in lines if line[12:14] == "  "]
    assert len(changes) == len(set(changes)) == 10
    assert git(place, "log", "-1", "--format=%s", "stepherd/first") == "Write a file"


def test_every_command_prints_one_object_with_json(place: Any) -> None:
    ran = place.stepherd(*place.run_words("date > when.txt", "--name", "one", "--json"))
    fields = one_object(ran)
    assert set(fields) == RUN_KEYS
    assert fields["commit"] == git(place, "rev-parse", "stepherd/one")
    of_a_state = {"name", "status", "seconds", "attempts", "waiting_for"}
    assert {key for row in fields["states"] for key in row} == of_a_state
    assert Path(fields["report"]).is_file()
    assert one_object(place.stepherd("status", "one", "--json")) == fields
    assert [run["run_id"] for run in one_object(place.stepherd("list", "--json"))["runs"]] == ["one"]
    assert one_object(place.stepherd("history", "one", "--json"))["events"][0]["type"] == "ExecutionStarted"
    said = one_object(place.stepherd("logs", "one", "--json"))
    assert {"state": "CommitAndPush", "message": "stepherd: push: succeeded"} in said["lines"]
    assert one_object(place.stepherd("watch", "one", "--json")) == fields
    assert one_object(place.stepherd("stop", "one", "--json"))["status"] == "SUCCEEDED"
    assert one_object(place.stepherd("resume", "--json")) == {"runs": []}
    pulled = one_object(place.stepherd("pull", "one", "--into", str(place.path / "work"), "--json"))
    assert (pulled["branch"], pulled["created"]) == ("stepherd/one", True)
    for words in (["status", "none"], ["redrive", "one"], ["stop"], ["nonsense"], ["pull", "none"]):
        refused = place.stepherd(*words, "--json")
        assert 64 <= refused.returncode <= 78
        assert set(one_object(refused)["error"]) == {"category", "message", "remedy", "commands", "retryable"}
        assert refused.stderr.count("\n") == 1


def test_a_failed_run_says_where_why_and_what_next_and_a_redrive_goes_on(place: Any) -> None:
    flag = place.path / "now-it-works"
    failed = place.stepherd(*place.run_words(f"test -e {flag} || exit 3; date > when.txt", "--name", "bad"))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "Failed in RunAgent after" in failed.stderr
    assert "  error    The agent 'command' ended with exit code 3." in failed.stderr
    assert "  next     stepherd logs bad\n           stepherd redrive bad\n" in failed.stderr
    assert "✗ ReportFailure" not in failed.stderr, "it wrote its report"
    flag.touch()
    again = place.stepherd("redrive", "bad")
    assert (again.returncode, again.stdout) == (0, "stepherd/bad\n")
    assert "PrepareRun" not in again.stderr, "only what follows the redrive is news"
    states = one_object(place.stepherd("status", "bad", "--json"))["states"]
    assert [row["status"] for row in states if row["name"] == "RunAgent"] == ["FAILED", "SUCCEEDED"]


def test_an_empty_home_has_no_runs_and_stays_empty(place: Any) -> None:
    listed = place.stepherd("list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert listed.stderr == f"No runs yet in {place.home}. Start one: stepherd run --help\n"
    assert one_object(place.stepherd("list", "--json")) == {"runs": []}
    asked = place.stepherd("status", "any")
    assert (asked.returncode, asked.stderr.count("\n")) == (66, 1)
    assert not place.home.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stat"], "There is no command 'stat'. Did you mean: stepherd status"),
        (["logout"], "There is no command 'logout'. Did you mean: stepherd login status"),
        (["login", "kiro"], "has no command 'kiro'. Did you mean: stepherd login --agent kiro"),
        (["login", "out"], "has no command 'out'. Its commands: status."),
        (["redrvie", "x"], "Did you mean: stepherd redrive"),
        (["xyz"], "See: stepherd --help"),
        (["run"], "Missing option '--instructions'. See: stepherd run --help"),
        (["run", "--instructons", "x"], "Did you mean '--instructions'?"),
        (["list", "--limit", "0"], "is not in the range"),
    ],
)
def test_a_mistyped_command_line_is_answered_in_one_line(place: Any, words: list[str], said: str) -> None:
    done = place.stepherd(*words)
    assert done.returncode == 64
    assert said in done.stderr
    assert done.stderr.startswith("stepherd: ")
    assert done.stderr.count("\n") == 1


def test_a_refused_request_starts_nothing_and_leaves_nothing(place: Any) -> None:
    refused = place.stepherd(*place.run_words("true", "--branch", "-bad"))
    assert (refused.returncode, refused.stderr.count("\n")) == (64, 1)
    assert not place.home.exists()
    unreachable = place.stepherd(*place.run_words("true", "--base", "no-such-base"))
    assert (unreachable.returncode, unreachable.stderr.count("\n")) == (66, 1)
    assert not (place.home / "journal.sqlite3").exists()
    assert place.processes() == []


def test_a_name_that_is_taken_is_refused_with_the_way_to_the_run(place: Any) -> None:
    assert place.stepherd(*place.run_words("true", "--name", "taken", "--push", "none")).returncode == 0
    done = place.stepherd(*place.run_words("true", "--name", "taken", "--home", str(place.home)))
    assert done.returncode == 73
    assert "stepherd status taken" in done.stderr


def test_a_reader_that_leaves_early_ends_nothing(place: Any) -> None:
    process = place.start(*place.run_words("true", "--name", "unread"))
    process.stderr.readline()
    process.stderr.close()
    process.stdout.close()
    assert process.wait(60) == 0
    assert one_object(place.stepherd("status", "unread", "--json"))["status"] == "SUCCEEDED"


def _files_outside(top: Path, *left_out: Path) -> dict[Path, int]:
    """Every file below ``top`` and when it was written, without those below ``left_out``."""
    files = [path for path in top.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files if not set(left_out) & set(path.parents)}


def test_nothing_is_written_outside_the_home(place: Any) -> None:
    user, home, clone = place.path / "user", ["--home", str(place.home)], place.path / "work" / ".git"
    user.mkdir()
    places = {"HOME": str(user), "TMPDIR": str(user), "STEPHERD_HOME": ""}
    place.environment |= {**places, "PYTHONDONTWRITEBYTECODE": "1"}
    before = _files_outside(place.path, place.home, clone)
    ran = place.stepherd(*place.run_words("date > when.txt", "--name", "inside", "--push", "none", *home))
    assert ran.returncode == 0, ran.stderr
    pull = ["pull", "inside", "--into", str(clone.parent)]
    for words in (["list"], ["status", "inside"], ["logs", "inside"], pull):
        done = place.stepherd(*words, *home)
        assert done.returncode == 0, done.stderr
    assert _files_outside(place.path, place.home, clone) == before
    assert not list(place.home.glob("*-*")), "no temporary folder stays"


def test_help_fits_80_columns_and_completion_knows_commands_and_runs(place: Any) -> None:
    from stepherd.cli.main import COMMANDS

    for words in ([], *([name] for name in COMMANDS)):
        shown = place.stepherd(*words, "--help")
        assert shown.returncode == 0
        assert max(len(line) for line in shown.stdout.splitlines()) <= 80, words
    assert place.stepherd().stdout == place.stepherd("--help").stdout
    assert place.stepherd(*place.run_words("true", "--name", "complete-me")).returncode == 0
    place.environment |= {
        "_STEPHERD_COMPLETE": "bash_complete",
        "COMP_WORDS": "stepherd status comp",
        "COMP_CWORD": "2",
    }
    assert place.stepherd().stdout == "plain,complete-me\n"
    place.environment |= {"COMP_WORDS": "stepherd redr", "COMP_CWORD": "1"}
    assert place.stepherd().stdout == "plain,redrive\n"
