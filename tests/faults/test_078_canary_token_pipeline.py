"""Faults 78 and 87: a token that is given as a credential shows up nowhere, and the agent cannot read it."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.e2e.aftermath import no_canary
from tests.e2e.place import Place
from tests.integration.repositories.http_server import serve
from tests.processes import sampled_command_lines

_PR_CAPBSET_DROP = 24
_READING_OTHERS = (19, 21, 38)
"""CAP_SYS_PTRACE, CAP_SYS_ADMIN and CAP_PERFMON: any of them lets a process read every other's memory."""
ALLOWED = {
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "CI", "NO_COLOR", "PWD", "OLDPWD", "SHLVL", "_"),
    *(
        "GIT_TERMINAL_PROMPT",
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ),
    *("STEPHERD_RUN_ID", "STEPHERD_INSTRUCTIONS", "STEPHERD_TASK"),
}

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")


def _as_a_plain_user() -> None:
    """Even root reads no other process's environment then, unless that process allows it."""
    library = ctypes.CDLL(None)
    for capability in _READING_OTHERS if os.geteuid() == 0 else ():
        assert library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def _recording_git(place: Place) -> Path:
    """A git, first on PATH, that writes down its words and its environment, and then is git."""
    record = place.root / "record"
    wrapper = place.root / "bin/git"
    wrapper.parent.mkdir()
    real = next(p for d in os.environ["PATH"].split(os.pathsep) if (p := Path(d) / "git").exists())
    wrapper.write_text(f'#!/bin/sh\n{{ echo "git $*"; env; }} >> {record}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    place.environment["PATH"] = f"{wrapper.parent}{os.pathsep}{place.environment['PATH']}"
    return record


@pytest.mark.parametrize("detached", [False, True])
def test_a_token_is_in_no_argument_file_log_event_commit_or_report(place: Place, detached: bool) -> None:
    # GIVEN secrets of this test alone: what runs beside it is seen, too
    token, aws_key = (f"canary-{uuid4().hex}" for _ in range(2))
    # AND an agent that looks for it: in its own environment and in every process's
    record = _recording_git(place)
    grab = (
        "for p in /proc/[0-9]*; do cat $p/cmdline $p/environ 2>/dev/null | tr '\\0' ' ' || true; echo; done"
    )
    grab += f" > {place.root}/grabbed"
    command = place.script(f"env > env.txt\n{grab}\necho new > new.txt")
    secrets: dict[str, Any] = {
        "MY_TOKEN": token,
        "STEPHERD_ALLOW_LOOPBACK_REMOTES": "1",
        "AWS_SECRET_ACCESS_KEY": aws_key,
    }
    with serve(place.origin.folder, token) as server, sampled_command_lines() as command_lines:
        words = place.run_words(
            command, "--repo", f"{server.url}/team.git", "--git-credentials", "env:MY_TOKEN"
        )
        more = ["--detach"] if detached else []
        child = place.start(*words, *more, before_exec=_as_a_plain_user, **secrets)
        place.end_of(child).ok()
        ended = place.cli("watch", "run_1", "--json").ok()
    # THEN the run did its work with the token
    assert ended.json["status"] == "SUCCEEDED"
    assert any(who for _, _, who in server.requests)
    # AND it is in no argument, and in no environment of git
    recorded = record.read_text()
    assert "commit-tree" in recorded
    assert token not in recorded
    assert not [line for line in command_lines if token.encode() in line]
    # AND in nothing that stays
    place.history()
    no_canary(place, token, aws_key)
    # AND the agent had none of it
    grabbed = (place.root / "grabbed").read_text(errors="replace")
    assert "STEPHERD_RUN_ID=run_1" in grabbed, "it could read what it may read"
    assert [line for line in grabbed.splitlines() if token in line or aws_key in line] == []
    names = {line.partition("=")[0] for line in place.origin.show("stepherd/run_1", "env.txt").splitlines()}
    assert names <= ALLOWED
