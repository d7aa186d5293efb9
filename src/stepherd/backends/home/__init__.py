"""The embedded engine of a home on this machine."""
