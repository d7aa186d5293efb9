"""Fault 91: a canary in every encoding, split at every place, coloured, in errors and reports: masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.secret_encodings import encodings
from tests.integration.steps.rig import Rig

from stepherd.runs.report import write_report

CANARY = "cAn4ry&<\"/+'0123456789"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def test_nothing_of_a_run_shows_the_canary(rig: Rig) -> None:
    forms = encodings(CANARY)
    pieces = [text.encode() for text in forms.values()]
    script = rig.root / "agent.py"
    script.write_text(
        "import sys, time\n"
        f"pieces = {pieces!r}\n"
        "for stream in (sys.stdout.buffer, sys.stderr.buffer):\n"
        "    for piece in pieces:\n"
        "        for cut in (1, 5, len(piece) // 2):\n"
        "            stream.write(piece[:cut]); stream.flush(); time.sleep(0.005)\n"
        "            stream.write(piece[cut:] + b' | '); stream.flush()\n"
        "        stream.write(b'\\n'); stream.flush()\n"
        f"open('kept.txt', 'w').write({CANARY!r})\n"
        "sys.exit(3)\n"
    )
    rig.prepare(command=f"python3 {script}")
    rig.steps("clone")
    done = rig.step("agent", SOME_TOKEN=CANARY)
    assert done.returncode == 1
    write_report(rig.folder, rig.run_id, failure={"state": "RunAgent", "error": "States.TaskFailed"})
    kept = [
        "agent/attempts/1/transcript.jsonl",
        "events.jsonl",
        "agent/result.json",
        "report.json",
        "report.md",
    ]
    shown = [done.stdout, done.stderr, *(rig.folder.store.get(key).body.decode() for key in kept)]
    for text in shown:
        seen = "".join(text.replace("\\n", "").split())
        for name, form in forms.items():
            for part in (form[:12], form[-12:-3]):
                written = json.dumps(part, ensure_ascii=False)[1:-1]
                assert part.strip() not in seen, name
                assert written not in text, name
    assert done.stdout.count("***") > 60
    assert [found["path"] for found in rig.result("agent").facts["left_out"]] == ["kept.txt"]
    rig.step("push")
    assert rig.branches().keys() == {"main"}, "files are never touched, so they are not pushed"
