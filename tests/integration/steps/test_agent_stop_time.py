"""An agent's step that is killed while it records what a stopped agent did."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from tests.integration.steps.rig import Rig

from stepherd.runs.attempts import read_agent


@pytest.mark.parametrize("earlier", [False, True])
def test_a_stop_time_that_is_too_short_for_the_recording_is_told_of(rig: Rig, earlier: bool) -> None:
    rig.make_remote()
    script = rig.root / "agent.sh"
    script.write_text(
        f"echo half > half.txt\ntest -e {rig.root}/second || exit 1\necho more > more.txt\n"
        f"echo here > {rig.root}/here\nexec sleep 300\n"
    )
    rig.prepare(command=f"sh {script}")
    rig.steps("clone")
    if earlier:
        assert rig.step("agent", STEPHERD_ATTEMPT="0.0").returncode == 1
    # GIVEN a step whose git stands still where it records, once the agent has been stopped
    wrapper = rig.root / "bin/git"
    wrapper.parent.mkdir()
    real = shutil.which("git")
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *write-tree*) echo recording > {rig.root}/here; exec sleep 300 ;; esac\n'
        f'exec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    os.mkfifo(rig.root / "here")
    (rig.root / "second").touch()
    path = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"
    child = rig.start("agent", STEPHERD_ATTEMPT="1.0", PATH=path)
    assert (rig.root / "here").read_text() == "here\n"
    # WHEN it is stopped, and killed when its stop time is over
    child.send_signal(signal.SIGTERM)
    assert (rig.root / "here").read_text() == "recording\n"
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    # THEN what is lost is said, and what there was before is not
    result = read_agent(rig.folder)
    assert result is not None
    assert result.error is not None
    assert "ran out of time before the work of attempt" in result.error.message
    bundle = result.facts.get("bundle")
    assert bundle == ("agent/attempts/1/changes.bundle" if earlier else None)
