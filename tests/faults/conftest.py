"""The HTTP API, for the faults of its callers."""

from tests.integration.api.fixtures import api, executions, machine, on_s3

__all__ = ["api", "executions", "machine", "on_s3"]
