"""The environment of an agent: built from nothing, never copied. All tools of the agent inherit it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stepherd.processes.marked import MARKER
from stepherd.repositories.way_out import PROXY_VARIABLES, TRUST_VARIABLES

__all__ = ["agent_environment"]

# Variables that a program needs to find its language, certificates and proxy. A proxy's address may hold its
# password: whoever is to go through it needs that, and it is masked like any secret.
_INHERITED: Final = (
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    *PROXY_VARIABLES,
    *TRUST_VARIABLES,
    # By it the engine knows the processes of a task, also those whose step was killed from under them.
    MARKER,
)
# An agent may commit as it goes; the run's one commit is made elsewhere and signed by the credentials' owner.
_IDENTITY: Final = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Stepherd agent"), ("EMAIL", "agent@localhost.invalid"))
}


def agent_environment(
    *, run_id: str, home: Path, scratch: Path, instructions: Path, extra: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment. ``home`` and ``scratch`` are its own; ``extra`` is what its module asks for."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **inherited,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "TERM": "dumb",
        "CI": "1",
        "NO_COLOR": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **_IDENTITY,
        "STEPHERD_RUN_ID": run_id,
        "STEPHERD_INSTRUCTIONS": str(instructions),
        **extra,
    }
