"""How many processes a sandbox may have."""

from __future__ import annotations

import os
import resource
import warnings
from typing import Final

from stepherd.processes.account import Account

__all__ = ["MOST_PROCESSES", "fork_quietly", "limit_processes"]

MOST_PROCESSES: Final = 4096
"""The limit of processes and threads together."""


def limit_processes(init: int, account: Account | None) -> None:
    """Limit what comes from ``init``. As it has a user namespace of its own, its sandbox alone is counted;
    the same limit set on bubblewrap would count all that its user runs. Raises OSError."""
    if account is None:
        _limit(init)
    else:
        _limit_as(account, init)


def fork_quietly() -> int:
    """os.fork, for a child that only calls the system and leaves by os._exit: Python warns of forks beside
    threads, whose locks such a child does not take."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _limit(init: int) -> None:
    _, hard = resource.prlimit(init, resource.RLIMIT_NPROC)
    most = MOST_PROCESSES if hard == resource.RLIM_INFINITY else min(hard, MOST_PROCESSES)
    resource.prlimit(init, resource.RLIMIT_NPROC, (most, most))


def _limit_as(account: Account, init: int) -> None:
    """As that user: root may only with CAP_SYS_RESOURCE, which containers take away."""
    child = fork_quietly()
    if child == 0:
        code = 0
        try:
            os.setgroups([])
            os.setresgid(account.group, account.group, account.group)
            os.setresuid(account.user, account.user, account.user)
            _limit(init)
        except OSError as error:
            code = error.errno or 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        raise OSError(code, os.strerror(code))
