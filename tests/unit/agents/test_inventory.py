"""The knowledge of ``stepherd agents``: installed agents, their logins, and missing parts."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.processes import gone_soon

from stepherd.agents import versions
from stepherd.agents.inventory import AgentState, take_inventory
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Registration, Token
from stepherd.logins.opening import open_location
from stepherd.services.store.contract import Store
from stepherd.services.store.opening import open_store


def _program(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def _states(tmp_path: Path, store: Store | None = None, **environment: str) -> dict[str, AgentState]:
    path = f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {state.name: state for state in take_inventory(store, {"PATH": path, **environment})}


def _wanted(state: AgentState) -> list[str]:
    return [missing.command for missing in state.missing]


def test_on_a_bare_machine_every_agent_says_what_it_lacks(tmp_path: Path) -> None:
    states = _states(tmp_path)
    assert [name for name, state in states.items() if state.ready] == ["apply", "command"]
    assert _wanted(states["claude"])[0] == "npm install -g @anthropic-ai/claude-code"
    assert "export ANTHROPIC_API_KEY" in _wanted(states["claude"])[1]
    assert _wanted(states["q"])[1] == "stepherd login --agent q"
    assert _wanted(states["kiro"])[1] == "stepherd login --agent kiro"
    assert not any(states[name].installed for name in ("claude", "codex", "kiro", "opencode", "q"))


def test_versions_are_asked_for_in_a_home_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _program(tmp_path / "bin", "claude", 'touch "$HOME/was-here"; echo "2.1.197 (Claude Code)"')
    _program(tmp_path / "bin", "codex", "echo codex-cli 0.169.0")
    states = _states(tmp_path, HOME=str(tmp_path), ANTHROPIC_API_KEY="canary-key")
    assert (states["claude"].version, states["codex"].version) == ("2.1.197", "0.169.0")
    assert (states["claude"].ready, states["claude"].access) == (True, "env:ANTHROPIC_API_KEY")
    assert "canary" not in repr(states)
    assert not (tmp_path / "was-here").exists()


def test_one_that_hangs_or_fails_delays_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_SECONDS", 0.3)
    for name in ("claude", "codex"):
        _program(tmp_path / "bin", name, f"sleep 60 & echo $! > {tmp_path}/{name}.pid; wait")
    _program(tmp_path / "bin", "opencode", "exit 3")
    began = time.monotonic()
    states = _states(tmp_path)
    assert time.monotonic() - began < 5
    assert "did not report its version" in states["claude"].missing[0].what
    for name in ("claude", "codex"):
        assert gone_soon(int((tmp_path / f"{name}.pid").read_text())), "its children are gone, too"
    assert "exit code 3" in states["opencode"].missing[0].what


def test_a_gateway_s_key_is_not_offered_to_somebody_else(tmp_path: Path) -> None:
    states = _states(tmp_path, ANTHROPIC_AUTH_TOKEN="canary", ANTHROPIC_BASE_URL="http://gateway")
    assert states["claude"].access == "no credentials"


@pytest.mark.parametrize(
    ("ends", "refreshable", "words", "ready"),
    [
        (timedelta(hours=1), True, "Builder ID until ", True),
        (timedelta(hours=-1), True, "Builder ID, the next run renews it", True),
        (timedelta(hours=-1), False, "Builder ID, ended ", False),
    ],
)
def test_a_login_is_told_with_its_end_and_never_touched(
    tmp_path: Path, ends: timedelta, refreshable: bool, words: str, ready: bool
) -> None:
    _program(tmp_path / "bin", "q", "echo q 1.19.7")
    store, kind, now = open_store(str(tmp_path / "store")), login_kind("q"), datetime.now(UTC)
    token = Token("canary-access", now + ends, "canary-refresh" if refreshable else None, "us-east-1")
    client = Registration("id", "canary-secret", now + timedelta(days=9), "us-east-1")
    place = open_location(kind, None, store)
    place.save(Login(kind, token, client), None)
    before = place.load()
    state = _states(tmp_path, store)["q"]
    assert state.access.startswith(words)
    assert state.ready is ready
    assert "canary" not in repr(state)
    assert place.load() == before


def test_a_damaged_login_is_told_of_and_does_not_end_the_list(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.put("logins/kiro/data.sqlite3", b"no database")
    states = _states(tmp_path, store)
    assert states["kiro"].access.startswith("the login cannot be read")
    assert not states["kiro"].ready
