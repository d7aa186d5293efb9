"""Stepherd runs headless coding agents from written instructions to a pushed branch.

For programs, ``stepherd.Client``. Its names are loaded when they are first used::

    with stepherd.Client() as client:
        run = client.start(stepherd.Request(repo=".", instructions="task.md", agent="claude"))
        print(client.wait(run).branch)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepherd.client.client import Client
    from stepherd.client.records import Event, Login, LogLine, Run, State, Stopped, Update, Waiting
    from stepherd.client.report import Failure, FileChange, Report
    from stepherd.client.request import Request
    from stepherd.errors import StepherdError

__all__ = [
    "Client",
    "Event",
    "Failure",
    "FileChange",
    "LogLine",
    "Login",
    "Report",
    "Request",
    "Run",
    "State",
    "StepherdError",
    "Stopped",
    "Update",
    "Waiting",
]

__version__ = "0.1.0"

_MODULES = {
    "Client": "client.client",
    "Request": "client.request",
    "StepherdError": "errors",
    **dict.fromkeys(("Failure", "FileChange", "Report"), "client.report"),
}
"""Where a name is that is not one of the records."""


if not TYPE_CHECKING:  # Else every misspelt name would have a type.

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'stepherd' has no attribute '{name}'")
        found: object = getattr(import_module(f"stepherd.{_MODULES.get(name, 'client.records')}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
