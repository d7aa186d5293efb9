"""The entry point of the images."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence

from stepherd.processes.account import refuse_new_privileges
from stepherd.services.file_modes import keep_files_private

__all__ = ["main"]

_NOTHING_TO_DO = """stepherd: There is nothing to do. Give the container a command, such as 'stepherd --help',
or set PROCESS_REQUIREMENTS=true, REPO_URL and INSTRUCTIONS_S3_URI to run a request to its end.
"""
_USAGE, _NOT_EXECUTABLE, _NOT_FOUND = 64, 126, 127


def main(argv: Sequence[str]) -> int:
    """Become the command ``argv``, or run the pipeline that the environment describes; the exit code."""
    refuse_new_privileges()
    if argv:
        return _become(argv)
    if os.environ.get("PROCESS_REQUIREMENTS", "").strip().lower() != "true":
        sys.stderr.write(_NOTHING_TO_DO)
        return _USAGE
    # For the start-up time of each step, which comes by here as a command.
    from stepherd.container.pipeline import run_pipeline

    keep_files_private()
    return run_pipeline(os.environ)


def _become(argv: Sequence[str]) -> int:
    """Never returns, unless the command cannot be executed: then a shell's exit code."""
    sys.stdout.flush()
    # A read-only root leaves one place to write, and programs look for theirs below HOME.
    if not os.access(os.environ.get("HOME", ""), os.W_OK):
        os.environ["HOME"] = tempfile.gettempdir()
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - the command is the caller's, as it is
    except OSError as error:
        sys.stderr.write(f"stepherd: {argv[0]}: {error.strerror}\n")
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
