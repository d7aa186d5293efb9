"""What an engine keeps: one SQLite file, histories, the lock of its home."""
