"""The terminal itself, and the browser beside it."""
