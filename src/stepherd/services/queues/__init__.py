"""Queues: in an SQLite file, or Amazon SQS."""
