"""``python -m stepherd.cli`` is ``stepherd``."""

from stepherd.cli.entry import program

program()
