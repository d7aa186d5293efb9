"""Stores of objects: a folder, or Amazon S3."""
