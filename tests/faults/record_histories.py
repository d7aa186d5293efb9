"""Records what the present engine journals, commit by commit, for test_013. Run it when a release is made:

PYTHONPATH=src:. python tests/faults/record_histories.py tests/faults/histories
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.engine_bench import Bench
from tests.faults.crash_engine import ALL_KINDS, Asking, Doing, Effects, Job, answer_all

from stepherd.engine.journal.database import Journal

TABLES = ("meta", "machines", "definitions", "executions", "events", "attempts")


class RecordingJournal(Journal):
    """Keeps what the tables hold after each commit, as far as it differs from the commit before."""

    def __init__(self, path: Path) -> None:
        self.commits: list[dict[str, list[Any]]] = []
        self._last: dict[str, list[Any]] = {}
        super().__init__(path)

    def _commit(self, connection: sqlite3.Connection) -> None:
        super()._commit(connection)
        rows = {t: [list(r) for r in connection.execute(f"SELECT * FROM {t}").fetchall()] for t in TABLES}
        for row in rows["events"]:
            row[5] = self._packing.unpack(row[5])
        changed = {t: [row for row in rows[t] if row not in self._last.get(t, [])] for t in TABLES}
        self.commits.append({t: changed[t] for t in TABLES if changed[t]})
        self._last = rows


async def record(home: Path) -> list[dict[str, list[Any]]]:
    """One run of a machine of all kinds of states."""
    journal = RecordingJournal(home / "journal.sqlite3")
    effects = Effects(home / "effects")
    fakes = {"lambda": Doing(effects), "sqs": Asking(effects), "ecs": Job(effects)}
    async with Bench(home, fakes, journal=journal) as bench:
        bench.machine({"In": {"Type": "Pass"}}, name="Child")
        answering = asyncio.ensure_future(answer_all(bench))
        await bench.finish(bench.start(ALL_KINDS, '{"n":3}'))
        answering.cancel()
    return journal.commits


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        commits = asyncio.run(record(Path(home)))
    lines = ",\n".join(json.dumps(commit) for commit in commits)
    (Path(sys.argv[1]) / "all_kinds.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
