"""An agent does not get the kernel's keys of the person's session, which processes pass on (keyrings(7))."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from tests.integration.steps.rig import Rig

from stepherd.processes.account import _KEYCTL

_NUMBERS = {"x86_64": 248, "aarch64": 217}  # add_key(2), beside keyctl(2)
_MACHINE = os.uname().machine
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or _MACHINE not in _NUMBERS, reason="keyrings are Linux's"
)

_LOOK = f"""
import ctypes
library = ctypes.CDLL(None, use_errno=True)
found = library.syscall({_KEYCTL.get(_MACHINE)}, 10, -3, b"user", b"stepherd-test", 0)
text = ctypes.create_string_buffer(64)
if found > 0:
    library.syscall({_KEYCTL.get(_MACHINE)}, 11, found, text, 64)
print("key:", text.value.decode() or "none", flush=True)
"""
_IN_A_SESSION = f"""
import ctypes, os, sys
library = ctypes.CDLL(None, use_errno=True)
if library.syscall({_KEYCTL.get(_MACHINE)}, 1, None) < 0:
    sys.exit(77)
if library.syscall({_NUMBERS.get(_MACHINE)}, b"user", b"stepherd-test", b"of-a-person", 11, -3) < 0:
    sys.exit(77)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def _in_a_session(rig: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_SESSION, *arguments],
        env=rig.environment(),
        cwd=rig.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("this kernel, or a filter, gives no keys")
    return done


def test_a_process_of_the_session_reads_its_keys(rig: Rig) -> None:
    assert "key: of-a-person" in _in_a_session(rig, "-c", _LOOK).stdout


def test_the_agent_does_not(rig: Rig) -> None:
    rig.make_remote()
    program = rig.root / "look.py"
    program.write_text(textwrap.dedent(_LOOK))
    rig.prepare(command=f"{sys.executable} {program}")
    rig.steps("clone")
    done = _in_a_session(rig, "-m", "stepherd.steps", "agent")
    assert done.returncode == 0, done.stderr
    assert "key: none" in done.stdout
