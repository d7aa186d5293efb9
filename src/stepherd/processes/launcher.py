"""Starting a command in the best containment that this machine offers to this process (decision 0011)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from stepherd.processes.account import Account, adopt_orphans
from stepherd.processes.containment import Keeper, Refused, start_contained
from stepherd.processes.plain import PlainTree
from stepherd.processes.reservations import reserve_killer, reserve_user
from stepherd.processes.tree import Command, Tree

__all__ = ["ProcessLauncher"]


class ProcessLauncher:
    """Starts processes of this machine, as ``account`` where one is given, which takes root."""

    def __init__(self, account: Account | None, pause: Callable[[float], bool]) -> None:
        """Waiting for an account that another run has is done by ``pause``: see ``reserve_user``."""
        self._account = account
        self._pause = pause
        self._ways = [self._in_namespace, self._as_user, self._plainly]
        if not (sys.platform.startswith("linux") and hasattr(os, "pidfd_open")):
            self._ways = [self._plainly]
        elif account is None:
            self._ways.remove(self._as_user)
        adopt_orphans()

    def start(self, command: Command) -> Tree:
        """As ``tree.Launcher`` has it. Raises Cancelled when ``pause`` gave up."""
        while len(self._ways) > 1:
            with suppress(Refused):
                return self._ways[0](command)
            del self._ways[0]  # A containment that was refused once is not tried again.
        return self._ways[0](command)

    def _in_namespace(self, command: Command) -> Tree:
        if self._account is None:
            return start_contained(Keeper("namespace"), command)
        lock = reserve_user(self._account.user, alone=False, pause=self._pause)
        try:
            return start_contained(Keeper("namespace", self._account, locks=(lock,)), command)
        finally:
            os.close(lock)

    def _as_user(self, command: Command) -> Tree:
        assert self._account is not None
        lock = reserve_user(self._account.user, alone=True, pause=self._pause)
        try:
            killer, other = reserve_killer()
            try:
                return start_contained(Keeper("user", self._account, killer, (lock, other)), command)
            finally:
                os.close(other)
        finally:
            os.close(lock)

    def _plainly(self, command: Command) -> Tree:
        return PlainTree(command, self._account)
