"""The table promise by runner of docs/security.md, and an agent that tries each cell of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.place import ROOT, Done, Place
from tests.integration.repositories.origin import Origin

__all__ = ["ATTACKS", "COLUMNS", "hunted", "promised"]

COLUMNS = ("process", "agent's user", "sandbox", "container", "AWS")
ATTACKS = {
    "the git token": "see_token",
    "your files": "see_file",
    "the environment of your processes": "see_environment",
    "Stepherd's home": "see_home",
    "its run folder": "write_folder",
    "services of your machine": "reach_service",
    "git's steps": "hook_ran",
    "the time after its run": "outlived",
    "its supervisor": "supervisor_killed",
}
"""Of each row: what the agent, or the test after it, calls it."""
_DAEMON = "stepherd-hunt-daemon"


def promised() -> dict[str, dict[str, str]]:
    """Row → column → "held", "not held" or "not offered", as docs/security.md says."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("## Guarantees by runner\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(rows[0][1:]) == COLUMNS
    return {row[0].split(":")[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows[2:]}


def hunted(place: Place, run: Callable[[str], Done]) -> dict[str, str]:
    """Let the agent try in the run that ``run`` makes of its command line: row → "held" or "not held"."""
    person = place.root / "user"
    (person / ".ssh").mkdir()
    (person / ".ssh/id").touch(0o600)
    (person / ".ssh/id").write_text("canary-file")
    place.environment["GIT_TOKEN"] = "canary-token"
    files = {"hunt.sh": (Path(__file__).with_name("hunt.sh")).read_text(), "README.md": "hello\n"}
    origin = Origin.create(place.root / "remote", files)
    with _service() as port, _shell():
        words = f"{person} {place.home} run_1 {port} {_DAEMON}-{os.getpid()}"
        done = run(f"bash hunt.sh {words}")
        outlived = _end(f"{_DAEMON}-{os.getpid()}")
    if done.code == 0:
        found = dict(line.split(": ") for line in origin.show("stepherd/run_1", "found.txt").splitlines())
        found["supervisor_killed"] = "refused"
    else:
        # Its work is in no place that is trusted any more.
        found = {"supervisor_killed": "reached"}
    found["outlived"] = "reached" if outlived else "refused"
    found["hook_ran"] = "reached" if (person / "hook-ran").exists() else "refused"
    said = {"reached": "not held", "refused": "held"}
    return {row: said[found[name]] for row, name in ATTACKS.items() if name in found}


@contextmanager
def _service() -> Iterator[int]:
    """Something that listens on the machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as service:
        yield service.getsockname()[1]


@contextmanager
def _shell() -> Iterator[None]:
    """A process of the person's, with a secret in its environment."""
    environment = {"PATH": os.environ["PATH"], "OTHER": "canary-shell"}
    with subprocess.Popen(["cat"], env=environment, stdin=subprocess.PIPE) as shell:
        yield
        shell.communicate()


def _end(word: str) -> bool:
    """End the processes that have ``word`` in their command line; whether there was one."""
    found = False
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes().split(b"\0") and path.parent.name != str(os.getpid()):
                os.kill(int(path.parent.name), signal.SIGKILL)
                found = True
    return found
