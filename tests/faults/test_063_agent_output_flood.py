"""Fault 63: 1 GB of output, one line of 50 MB, invalid UTF-8, NULs: flat memory, and a mark in the gap."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps import tester
from tests.integration.steps.rig import Rig

from stepherd.agents.registry import _AGENTS

MOST_MEMORY_KIB = 90 * 1024


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def _sample(child: subprocess.Popen[str], peaks: list[int]) -> None:
    """The peak of the step itself, again and again until it ends: the last value is near the whole's peak."""
    while child.poll() is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
            peaks.append(int(found[1]))
        time.sleep(0.01)  # between two samples


@pytest.mark.exhaustive
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
    _flood(rig, flood, "command")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "flood",
    [
        "yes a line of output that says nothing | head -c 50000000",
        'yes \'{"type": "message", "text": "one\\ntwo \\u001b[31m"}\' | head -c 20000000',
        "head -c 50000000 /dev/zero | tr '\\0' x; echo",
        "head -c 5000000 /dev/urandom",
        "yes nearly-cAn4ry-012345678 | tr -d '\\n' | head -c 20000000",
    ],
    ids=["lines", "messages", "a line of 50 MB", "noise", "nearly a secret"],
)
def test_it_does_with_a_reader_that_needs_every_line_and_with_secrets(
    rig: Rig, flood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_AGENTS, "tester", "tests.integration.steps.tester")
    rig.module = tester.__name__
    secrets = {f"SECRET_{number}": f"cAn4ry-{number}23456789-{number}" for number in range(5)}
    _flood(rig, flood, "tester", STEPHERD_WORK_FOLDER=str(rig.root), **secrets)
    assert len(rig.folder.store.get("events.jsonl").body) < 6_000_000
    assert rig.events()[-1]["type"] == "finished"


def _flood(rig: Rig, flood: str, agent: str, **environment: str) -> None:
    script = rig.root / "flood.sh"
    script.write_text(f"{flood.replace(chr(92) * 2, chr(92))}\necho\necho the end\n")
    rig.prepare(agent=agent, command=f"sh {script}")
    rig.steps("clone")
    child = rig.start("agent", **environment)
    assert child.stdout is not None
    peaks: list[int] = []
    sampler = threading.Thread(target=_sample, args=(child, peaks))
    sampler.start()
    for _ in child.stdout:
        pass
    child.wait(60)
    sampler.join()
    assert child.returncode == 0
    assert 0 < max(peaks) < MOST_MEMORY_KIB
    agent = rig.result("agent").facts["agent"]
    assert agent["truncated"]
    assert agent["output_bytes"] >= 5_000_000
    lines = [
        json.loads(line)
        for line in rig.folder.store.get("agent/attempts/1/transcript.jsonl").body.splitlines()
    ]
    assert any("cut" in line or line.get("left_out", 0) > 0 for line in lines)
    assert any(line.get("text") == "the end" for line in lines)
    assert sum(len(json.dumps(line)) for line in lines) < 40_000_000
