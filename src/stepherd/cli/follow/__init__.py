"""Showing a run to its end."""
