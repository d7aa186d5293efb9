"""The commands of docs/how-to-integrate-q-externally.md do run, but for those that need a container."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.logins.kinds import login_kind
from stepherd.logins.opening import open_location

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to-integrate-q-externally.md").read_text(encoding="utf-8")
TESTED = re.findall(r"<!-- tested -->\n```(sh|python)\n(.*?)```", PAGE, re.DOTALL)
ALL = re.findall(r"^```(sh|python)\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
Q = login_kind("q")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user who is logged in with Stepherd and with the CLI, both tokens ended."""
    program = tmp_path / "bin/stepherd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m stepherd.cli "$@"\n')
    program.chmod(0o755)
    with IdentityProvider() as provider:
        for place in (".stepherd/store/logins/q", ".local/share/amazon-q"):
            login = provider.login(Q, seconds=-10)
            open_location(Q, str(tmp_path / place / "data.sqlite3")).save(login, None)
        yield {
            **os.environ,
            **provider.environment,
            "HOME": str(tmp_path),
            "PATH": os.pathsep.join([str(program.parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "sdk/src")]),
        }


@pytest.mark.parametrize(("language", "text"), TESTED, ids=range(len(TESTED)))
def test_what_is_marked_as_tested_runs(
    language: str, text: str, environment: dict[str, str], tmp_path: Path, require: Callable[[str], str]
) -> None:
    if "jq" in text:
        require("jq")
    command = [sys.executable, "-c", text] if language == "python" else ["sh", "-eu", "-c", text]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"access-[0-9a-f]{8}|refresh-[0-9a-f]{8}", done.stdout + done.stderr)
    assert not (tmp_path / "tokens.json").exists()


def test_enough_of_the_page_is_tested() -> None:
    untested = [text for _, text in ALL if text not in [tested for _, tested in TESTED]]
    assert len(TESTED) >= 5
    allowed = r"docker run|podman run|s3://my-bucket|stepherd login --database|generate_assistant_response"
    assert [text for text in untested if not re.search(allowed, text)] == []


@pytest.mark.parametrize("text", [text for language, text in ALL if language == "sh"], ids=str.__len__)
def test_every_shell_snippet_is_a_shell_program(text: str) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, "-n", "-c", text], check=True)


@pytest.mark.parametrize("text", [text for language, text in ALL if language == "python"], ids=str.__len__)
def test_every_python_snippet_compiles(text: str) -> None:
    compile(text, "docs", "exec")


def test_the_paths_are_those_that_the_code_looks_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from stepherd.logins.kinds import user_database

    monkeypatch.setattr("stepherd.logins.kinds.sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name in ("q", "kiro"):
        path = str(user_database(login_kind(name))).replace(str(tmp_path), "~")
        assert f"`{path}`" in PAGE
        assert f"`~/.stepherd/store/logins/{name}/data.sqlite3`" in PAGE
    monkeypatch.setattr("stepherd.logins.kinds.sys.platform", "darwin")
    assert f"`{str(user_database(Q)).replace(str(tmp_path), '~')}`" in PAGE
