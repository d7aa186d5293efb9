"""63: 1 GB of output, one line of 50 MB, invalid UTF-8, NULs: flat memory, a mark where output is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig

MOST_MEMORY_KIB = 90 * 1024


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


@pytest.mark.parametrize(
    "flood",
    [
        "yes a line of output that says nothing | head -c 1000000000",
        "head -c 50000000 /dev/zero | tr '\\\\0' x; echo",
        "head -c 20000000 /dev/urandom",
        "head -c 50000000 /dev/zero",
    ],
    ids=["1 GB of lines", "a line of 50 MB", "noise", "NULs"],
)
def test_memory_stays_flat_and_the_end_is_kept(rig: Rig, flood: str) -> None:
    script = rig.root / "flood.sh"
    script.write_text(f"{flood.replace(chr(92) * 2, chr(92))}\necho\necho the end\n")
    rig.prepare(command=f"sh {script}")
    rig.steps("clone")
    child = rig.start("agent")
    assert child.stdout is not None
    for _ in child.stdout:
        pass
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    assert used.ru_maxrss < MOST_MEMORY_KIB
    agent = rig.result("agent").facts["agent"]
    assert agent["truncated"]
    assert agent["output_bytes"] >= 20_000_000
    lines = [json.loads(line) for line in rig.folder.store.get("agent/transcript.jsonl").body.splitlines()]
    assert any("cut" in line or line.get("left_out", 0) > 0 for line in lines)
    assert any(line.get("text") == "the end" for line in lines)
    assert sum(len(json.dumps(line)) for line in lines) < 40_000_000
