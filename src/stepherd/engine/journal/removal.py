"""Removing executions that have ended, in steps that are short and that a kill does not break.

An execution goes in one transaction; its events, which may be many, follow bit by bit, and then the room is
given back to the disk bit by bit. ``removed`` holds the numbers of executions whose events are still there:
numbers are never used again, so the next clean-up finds what an earlier one has left. Until then the name is
not free, either: whoever removes an execution removes its files first, and cleans up afterwards.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from stepherd.engine.journal.records import CHILD_MARK

__all__ = ["bury", "clean_up", "ended_query"]

_ROWS = 500
_PAGES = 64


def ended_query(
    machine_arn: str, keep: int, stopped_before: float | None, before: int | None, limit: int
) -> tuple[str, list[Any]]:
    """The condition and its parameters for executions of a machine that have ended, newest first.

    Not among the newest ``keep``, ended before that moment, with numbers below ``before``; none that the task
    of another has started: it goes with that one.
    """
    newest = "SELECT number FROM executions WHERE machine_arn=? ORDER BY number DESC LIMIT 1 OFFSET ?"
    where = f"machine_arn=? AND status<>'RUNNING' AND instr(input, '{CHILD_MARK}')=0"
    parameters: list[Any] = [machine_arn]
    if keep:
        where += f" AND number<({newest})"
        parameters += [machine_arn, keep - 1]
    for clause, value in (("stopped<?", stopped_before), ("number<?", before)):
        if value is not None:
            where += f" AND {clause}"
            parameters.append(value)
    return f"{where} ORDER BY number DESC LIMIT ?", [*parameters, limit]


def bury(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Remove executions: all of them or none. Their events follow in ``clean_up``."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in numbers:
            arn = "SELECT number, arn FROM executions WHERE number=?"
            connection.execute(f"INSERT INTO removed {arn}", (number,))
            connection.execute("DELETE FROM executions WHERE number=?", (number,))
        connection.execute("COMMIT")
    except sqlite3.DatabaseError:
        connection.execute("ROLLBACK")
        raise


def clean_up(connection: sqlite3.Connection, seconds: float) -> bool:
    """Remove what removed executions have left, and shorten the file, for so long; whether there is more."""
    deadline = time.monotonic() + seconds
    if not _remove_rows(connection, deadline):
        return True
    unused = "NOT EXISTS (SELECT 1 FROM executions WHERE definition=definitions.number)"
    connection.execute(f"DELETE FROM definitions WHERE {unused}")  # noqa: S608
    if not connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
        return False  # Of an earlier version, on a disk without room to change that: pages are used again.
    while free := _free_pages(connection):
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        if _free_pages(connection) >= free:
            break
        if time.monotonic() > deadline:
            return True
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return False


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _remove_rows(connection: sqlite3.Connection, deadline: float) -> bool:
    """Whether nothing is left to remove."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        while found := connection.execute("SELECT number FROM removed LIMIT 1").fetchone():
            _remove_some(connection, found[0])
            if time.monotonic() > deadline:
                break
        connection.execute("COMMIT")
    except sqlite3.DatabaseError:
        connection.execute("ROLLBACK")
        raise
    return found is None


def _remove_some(connection: sqlite3.Connection, number: int) -> None:
    some = "SELECT id FROM events WHERE execution=? LIMIT ?"
    sql = f"DELETE FROM events WHERE execution=? AND id IN ({some})"  # noqa: S608
    if connection.execute(sql, (number, number, _ROWS)).rowcount < _ROWS:
        connection.execute("DELETE FROM attempts WHERE execution=?", (number,))
        connection.execute("DELETE FROM removed WHERE number=?", (number,))
