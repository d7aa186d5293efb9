"""The command line with a journal that kills its own process around one commit.

Run as ``python -m tests.e2e.killing_engine ARGUMENTS``. KILL_AT is the number of the commit (1 is the first;
0 kills never), KILL_WHEN is ``before`` or ``after``, and KILL_LOG a file that gets a line for each commit
that was made: the events in it, as ``Type State``, separated by commas.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import stepherd.engine.core
from stepherd.cli.main import main
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Execution


class KillingJournal(Journal):
    """Counts commits of the journal, of events and of new executions alike."""

    _number = 0

    def _commit(self, connection: sqlite3.Connection) -> None:
        unpacked = [(*row[:5], self._packing.unpack(row[5]), row[6]) for row in self._events]
        said = ", ".join(_said(row) for row in unpacked) or "attempt or machine"
        self._around("before")
        super()._commit(connection)
        self._log(said)
        self._around("after")

    def add_execution(self, execution: Execution) -> None:
        self.flush()
        self._around("before")
        super().add_execution(execution)
        self._log("new execution")
        self._around("after")

    def _around(self, when: str) -> None:
        if when == "before":
            self._number += 1
        if self._number == int(os.environ["KILL_AT"]) and when == os.environ["KILL_WHEN"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def _log(self, said: str) -> None:
        with Path(os.environ["KILL_LOG"]).open("a", encoding="utf-8") as log:
            log.write(f"{said}\n")


def _said(row: tuple[Any, ...]) -> str:
    details = json.loads(row[5]) if row[5] else {}
    return f"{row[4]} {details.get('name', '')}".strip()


if __name__ == "__main__":
    stepherd.engine.core.__dict__["Journal"] = KillingJournal
    sys.exit(main())
