"""``pip install stepherd`` and nothing more: what needs boto3 says so in one line, before anything begins."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from tests.e2e.gate import Gate
from tests.e2e.place import ROOT, Place
from tests.integration.functions.test_functions import Context

from stepherd.errors import ConfigurationError

MISSING = ("boto3", "botocore", "bcrypt")
INSTALL = "pip install 'stepherd[aws]'"
NOT_SHOWN = "not shown"
FUNCTIONS = ROOT / "functions"


@pytest.fixture
def bare(place: Place) -> Place:
    """A place whose programs find none of the packages of the extra ``aws``."""
    packages = place.root / "packages"
    packages.mkdir()
    for name in MISSING:
        words = f"No module named {name!r}"
        (packages / f"{name}.py").write_text(f"raise ModuleNotFoundError({words!r}, name={name!r})\n")
    place.environment["PYTHONPATH"] = os.pathsep.join([str(packages), place.environment["PYTHONPATH"]])
    return place


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["login"], 78, INSTALL),
        (["login", "--agent", "kiro", "--no-browser"], 78, INSTALL),
        (["run", "--agent", "q"], 78, INSTALL),
        (["run", "--agent", "kiro", "--agent-credentials", "none"], 78, INSTALL),
        (["run", "--command", "true", "--git-credentials", "git/token"], 78, INSTALL),
        (["run", "--agent", "claude", "--agent-credentials", "claude/key"], 78, INSTALL),
        (["run", "--command", "true", "--git-credentials", "ghp_abcdefghijklmnop"], 64, NOT_SHOWN),
        (["run", "--command", "true", "--agent-credentials", "sk-ant-api03-abc"], 64, "--secret NAME=REF"),
        (["run", "--command", "true", "--secret", "A_KEY=sk-ant-api03-abc"], 64, NOT_SHOWN),
        (["run", "--command", "true", "--secret", "A_KEY=some/secret"], 78, INSTALL),
        (["run", "--agent", "claude", "--agent-credentials", "sk-ant-api03-abc"], 64, NOT_SHOWN),
        (["init", "--yes", "--no-git", "--no-api-key"], 78, INSTALL),
        (["destroy", "--yes", "stepherd"], 78, INSTALL),
    ],
)
def test_what_takes_aws_or_is_a_key_itself_is_refused_in_one_line(
    bare: Place, words: list[str], code: int, said: str
) -> None:
    if words[0] == "run":
        words = [*words, "--repo", str(bare.origin.bare), "--instructions", str(bare.instructions())]
    done = bare.cli(*words)
    assert (done.code, done.err.count("\n")) == (code, 1), done.err
    assert said in done.err
    assert "No module" not in done.err
    assert "ghp_" not in done.err
    assert "sk-ant" not in done.err
    # Nothing began: no engine, no run.
    assert not (bare.home / "journal.sqlite3").exists()
    assert not (bare.home / "store").exists()


def test_a_run_without_a_login_needs_none_of_it(bare: Place) -> None:
    bare.run("sh -c 'echo done >done.txt'").ok()
    assert bare.origin.show("stepherd/run_1", "done.txt") == "done"
    secret = bare.root / "key"
    secret.write_text("key")
    # A key of its own asks no identity provider: it is the program that is not there.
    words = ["run", "--agent", "kiro", "--agent-credentials", f"file:{secret}", "--name", "run_2"]
    done = bare.cli(*words, "--repo", str(bare.origin.bare), "--instructions", str(bare.instructions()))
    assert INSTALL not in done.err


def test_a_run_that_is_stopped_keeps_its_work_without_it(bare: Place) -> None:
    """The functions that hear of an end, and those of the keep machine, ask the engine alone."""
    gate = Gate(bare)
    bare.run(gate.command, "--detach").ok()
    gate.await_agent()
    stopped = bare.cli("stop", "run_1").ok()
    assert "Kept on stepherd/run_1." in stopped.err
    assert bare.origin.show("stepherd/run_1", "half.txt")
    assert "half.txt" in (bare.home / "store/runs/run_1/report.md").read_text()
    # AND what is redriven begins with it
    redriven = bare.start("redrive", "run_1")
    gate.await_agent()
    gate.open()
    bare.end_of(redriven).ok()


def test_the_state_that_asks_first_says_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An engine may have been started elsewhere than the command that checked."""
    spec = importlib.util.spec_from_file_location("app_check_login", FUNCTIONS / "check_login" / "app.py")
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    for name in ("botocore", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("STORE_URI", str(tmp_path))
    with pytest.raises(ConfigurationError, match=re.escape(INSTALL)):
        app.handler({"run_id": "run_1", "wanted": {"agent": "q"}, "waits_for": ""}, Context())
