"""A sandbox on Linux, by bubblewrap: a command that sees the folders of its run, the system and tools.

view, layout    what is shown, and how it follows from a run's folders
system, tools   the machine's own folders; what else is on PATH, with its roots
private_paths   what of a home is never shown
arguments       a view as bubblewrap's arguments
launcher        starting a command in it; sandbox_tree: following it, and ending all of it
probe, remedies whether it can work here, and what to do where it cannot
network         reaching named hosts alone
"""

from typing import Final

__all__ = ["SANDBOXED"]

SANDBOXED: Final = "STEPHERD_SANDBOX"
"""The variable by which a task knows that what it starts for others is to be in a sandbox."""
