"""The memory of an engine: one SQLite file, histories, the lock of its home."""
