"""Whether boto3 is installed, which only some installations need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from stepherd.errors import ConfigurationError

__all__ = ["needs_boto3", "require_boto3"]


@contextmanager
def needs_boto3(what: str) -> Iterator[None]:
    """Say how to install boto3 when an import inside the block, of what serves ``what``, finds it missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"boto3", "botocore"}:
            raise
        raise ConfigurationError(
            f"{what} needs boto3, which is not installed.",
            remedy="Run: pip install 'stepherd[aws]'",
        ) from error


def require_boto3(what: str) -> None:
    """Raises ConfigurationError, saying how to install boto3, when there is none to serve ``what``."""
    with needs_boto3(what):
        import_module("botocore")
