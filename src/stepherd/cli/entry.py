"""Where the program ``stepherd`` begins: while its modules load, Ctrl-C ends it without a traceback."""

from __future__ import annotations

import signal

__all__ = ["program"]


def program() -> None:
    """The entry point of ``stepherd``."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # Else it is ignored, as behind nohup, and stays so.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from stepherd.cli.main import program as main  # while it loads, Ctrl-C is quiet

    signal.signal(signal.SIGINT, before)
    main()
