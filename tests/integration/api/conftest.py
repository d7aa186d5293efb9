"""The API for every test of this folder."""

from tests.integration.api.fixtures import api, executions, machine, on_s3

__all__ = ["api", "executions", "machine", "on_s3"]
