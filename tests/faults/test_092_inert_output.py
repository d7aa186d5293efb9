"""Fault 92: OSC 52 and 8, cursor moves, direction marks, markup, a script tag, 1 MB in a line: inert."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig

from stepherd.runs.report import write_report

LINES = [
    "\x1b]52;c;ZXZpbA==\x07clipboard",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[1;1Hcursor\x9b31m",
    "\u202eright to left\u202c \u200bhidden \U000e0041",
    "[/foo] [bold]markup",
    "<script>alert(1)</script>",
    "back\b\b\b\bspace \x00 nul \x7f",
    "over\rwritten",
    "\x1bP1;2|dcs\x1b\\ \x1b_apc\x1b\\ \x1b]0;title without an end",
    "z" * 1_000_000,
]
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def test_what_an_agent_prints_is_inert_in_the_log_the_events_and_the_report(rig: Rig) -> None:
    hostile = rig.root / "hostile.txt"
    hostile.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    rig.prepare(command=f"sh -c 'cat {hostile}; tail -n 4 {hostile} | head -n 3 >&2; exit 3'")
    rig.steps("clone")
    done = rig.step("agent")
    write_report(rig.folder, rig.run_id, failure={"state": "RunAgent", "error": "States.TaskFailed"})
    assert not _UNSAFE.search(done.stdout)
    assert not _UNSAFE.search(done.stderr)
    for event in rig.events():
        assert not _UNSAFE.search(json.dumps(event, ensure_ascii=False))
        assert not _UNSAFE.search(str(event.get("text", "")))
    for key in ("agent/result.json", "report.json", "report.md", "agent/attempts/1/transcript.jsonl"):
        assert not _UNSAFE.search(rig.folder.store.get(key).body.decode()), key
    assert "clipboard" in done.stdout
    assert "evil.example" not in done.stdout
    assert "[/foo] [bold]markup" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 20_000
    assert "<script>" not in rig.folder.store.get("report.md").body.decode()
