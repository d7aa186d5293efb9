"""The tables behind a local queue, and the rules of delivery as SQL.

Each function runs inside the caller's transaction. Times are seconds since the epoch. A message is
hidden from ``claimed`` until ``visible``: when the clock is set back behind the claim it shows again,
so that a jump of the clock repeats a delivery and never loses one for long.
"""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime

from stepherd.services.queues.contract import Message, ReceiptExpired

__all__ = ["add", "create", "hide", "next_due", "remove", "take"]

_DEDUPLICATION_SECONDS = 300  # as in SQS FIFO queues

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
        member_of TEXT, sent REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
        claimed REAL NOT NULL DEFAULT 0, visible REAL NOT NULL DEFAULT 0, receipt TEXT)""",
    "CREATE INDEX IF NOT EXISTS messages_of_queue ON messages (queue, number)",
    "CREATE INDEX IF NOT EXISTS messages_of_group ON messages (queue, member_of)",
    """CREATE TABLE IF NOT EXISTS deduplications (
        queue TEXT NOT NULL, deduplication TEXT NOT NULL, id TEXT NOT NULL, sent REAL NOT NULL,
        PRIMARY KEY (queue, deduplication)) WITHOUT ROWID""",
)

_READY = """
    SELECT number, id, body, attempts, sent, member_of FROM messages AS ready
    WHERE queue = :queue AND NOT (claimed <= :now AND :now < visible)
    AND (member_of IS NULL OR NOT EXISTS (
        SELECT 1 FROM messages AS held WHERE held.queue = :queue AND held.member_of = ready.member_of
        AND held.claimed <= :now AND :now < held.visible))
    ORDER BY number LIMIT :most"""


def create(database: sqlite3.Connection) -> None:
    """Make the tables where they are not."""
    for statement in _SCHEMA:
        database.execute(statement)


def add(
    database: sqlite3.Connection, queue: str, body: str, group: str | None, deduplication_id: str | None
) -> str:
    """Add a message and return its id, or the id of the one that ``deduplication_id`` has named lately."""
    now = time.time()
    database.execute(
        "DELETE FROM deduplications WHERE queue = ? AND NOT sent BETWEEN ? AND ?",
        (queue, now - _DEDUPLICATION_SECONDS, now),
    )
    known = database.execute(
        "SELECT id FROM deduplications WHERE queue = ? AND deduplication = ?", (queue, deduplication_id)
    ).fetchone()
    if known:
        return str(known[0])
    identifier = f"message_{os.urandom(8).hex()}"
    database.execute(
        "INSERT INTO messages (queue, id, body, member_of, sent) VALUES (?, ?, ?, ?, ?)",
        (queue, identifier, body, group, now),
    )
    if deduplication_id is not None:
        database.execute(
            "INSERT INTO deduplications VALUES (?, ?, ?, ?)", (queue, deduplication_id, identifier, now)
        )
    return identifier


def take(database: sqlite3.Connection, queue: str, most: int, visibility_seconds: float) -> list[Message]:
    """Claim up to ``most`` messages that are ready, oldest first, for ``visibility_seconds``."""
    now = time.time()
    ready = database.execute(_READY, {"queue": queue, "now": now, "most": most}).fetchall()
    messages = []
    for number, identifier, body, attempts, sent, group in ready:
        receipt = f"{number}.{os.urandom(16).hex()}"
        database.execute(
            "UPDATE messages SET claimed = ?, visible = ?, receipt = ?, attempts = ? WHERE number = ?",
            (now, now + visibility_seconds, receipt, attempts + 1, number),
        )
        sent_at = datetime.fromtimestamp(sent, UTC)
        messages.append(Message(identifier, body, receipt, attempts + 1, sent_at, group))
    return messages


def next_due(database: sqlite3.Connection, queue: str) -> float:
    """In how many seconds a hidden message shows again; infinite when none is hidden."""
    now = time.time()
    (visible,) = database.execute(
        "SELECT min(visible) FROM messages WHERE queue = ? AND claimed <= ? AND ? < visible",
        (queue, now, now),
    ).fetchone()
    return float("inf") if visible is None else max(0.0, visible - now)


def hide(database: sqlite3.Connection, queue: str, receipt: str, visibility_seconds: float) -> None:
    """Keep the message of ``receipt`` hidden from now on. Raises ReceiptExpired."""
    now = time.time()
    changed = database.execute(
        "UPDATE messages SET claimed = ?, visible = ? WHERE queue = ? AND number = ? AND receipt = ?",
        (now, now + visibility_seconds, queue, _number(receipt), receipt),
    )
    if changed.rowcount == 0:
        raise ReceiptExpired


def remove(database: sqlite3.Connection, queue: str, receipt: str) -> None:
    """Remove the message of ``receipt``. Raises ReceiptExpired when another delivery has it."""
    number = _number(receipt)
    changed = database.execute(
        "DELETE FROM messages WHERE queue = ? AND number = ? AND receipt = ?", (queue, number, receipt)
    )
    left = "SELECT 1 FROM messages WHERE queue = ? AND number = ?"
    if changed.rowcount == 0 and database.execute(left, (queue, number)).fetchone():
        raise ReceiptExpired


def _number(receipt: str) -> int:
    number, _, _ = receipt.partition(".")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else -1
