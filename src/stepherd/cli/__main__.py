"""``python -m stepherd.cli`` is ``stepherd``."""

from stepherd.cli.main import program

program()
