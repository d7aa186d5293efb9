"""The fork server for this application's functions and steps. Light to import, so that it can begin first."""

from __future__ import annotations

import os
from pathlib import Path

from stepherd.engine.runners.forking import ForkServer

__all__ = ["new_fork_server"]


def new_fork_server(home: Path) -> ForkServer:
    """The server of a home's engine. It is not begun."""
    return ForkServer(("stepherd.steps",), "stepherd.preloaded", os.environ, home)
