"""``stepherd agents``, as a person sees it."""

from __future__ import annotations

from tests.e2e.place import Place
from tests.fakes.install import install


def test_agents_are_listed_with_what_is_missing_and_nothing_is_made(place: Place) -> None:
    fake = install(place.root / "bin", "kiro-cli", version="2.24.1")
    place.environment["PATH"] = f"{fake.folder}:/usr/bin:/bin"
    key = "canary-Ue5Xc2Wd9Lr4Gt"
    done = place.cli("agents", KIRO_API_KEY=key).ok()
    rows = {line.split()[0]: line for line in done.out.splitlines()}
    assert [*rows] == ["AGENT", "apply", "claude", "codex", "command", "kiro", "opencode", "q"]
    assert rows["kiro"].split()[1:] == ["2.24.1", "env:KIRO_API_KEY"]
    assert "not installed" in rows["q"]
    assert "q lacks a login: stepherd login --agent q" in done.err
    states = place.cli("agents", "--json", KIRO_API_KEY=key).ok().json["agents"]
    assert [state["name"] for state in states if state["ready"]] == ["apply", "command", "kiro"]
    assert not [text for text in place.said if key in text]
    assert not place.home.exists()
    assert fake.starts() == []
