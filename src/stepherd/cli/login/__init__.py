"""``stepherd login``: asking for a login, following it, showing it."""
