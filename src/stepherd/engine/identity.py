"""The identity of every engine: the account and region in its ARNs, the name of its journal in a home."""

from __future__ import annotations

__all__ = ["ACCOUNT", "JOURNAL", "REGION"]

REGION = "us-east-1"
ACCOUNT = "000000000000"
JOURNAL = "journal.sqlite3"
