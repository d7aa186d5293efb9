"""Every error that Stepherd shows to a person.

    StepherdError
    ├── UsageError              64  a flag, name or field is not acceptable
    ├── DataError               65  an input was read and makes no sense
    ├── NotFoundError           66  an input or a run is not there
    ├── UnavailableError        69  a service or repository cannot be reached
    ├── InternalError           70  a fault of Stepherd itself
    ├── CannotCreateError       73  a name is taken
    ├── StorageError            74  a disk or store refused to read or write
    ├── TemporaryError          75  trying again later can help
    ├── ProtocolError           76  the other side broke its protocol
    ├── CredentialsError        77  a login, token or right is missing
    └── ConfigurationError      78  a setting, template or state machine is wrong

Exit codes are those of BSD sysexits(3), so that they never collide with the exit code of a command
that Stepherd ran. Each error says what happened and why (``message``), and the next thing to do
(``remedy``). ``retryable`` says whether the same call can succeed later without a change.
"""

from __future__ import annotations

from typing import ClassVar

from stepherd.remedies import joined

__all__ = [
    "CannotCreateError",
    "ConfigurationError",
    "CredentialsError",
    "DataError",
    "InternalError",
    "NotFoundError",
    "ProtocolError",
    "StepherdError",
    "StorageError",
    "TemporaryError",
    "UnavailableError",
    "UsageError",
]


class StepherdError(Exception):
    """An error with a message for a person, a remedy, an exit code and a category."""

    exit_code: ClassVar[int] = 70
    category: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details
        """More than a message holds, in lines: all that a server said. For logs and reports."""

    def __str__(self) -> str:
        return joined(self.message, self.remedy)


class UsageError(StepherdError):
    """A flag, name or field is not acceptable."""

    exit_code = 64
    category = "usage"


class DataError(StepherdError):
    """An input was read and makes no sense."""

    exit_code = 65
    category = "data"


class NotFoundError(StepherdError):
    """An input, an object or a run is not there."""

    exit_code = 66
    category = "not_found"


class UnavailableError(StepherdError):
    """A service or a repository cannot be reached."""

    exit_code = 69
    category = "unavailable"
    retryable = True


class InternalError(StepherdError):
    """A fault of Stepherd itself."""


class CannotCreateError(StepherdError):
    """A name is taken already."""

    exit_code = 73
    category = "exists"


class StorageError(StepherdError):
    """A disk or an object store refused to read or write."""

    exit_code = 74
    category = "storage"


class TemporaryError(StepherdError):
    """The same call can succeed later."""

    exit_code = 75
    category = "temporary"
    retryable = True


class ProtocolError(StepherdError):
    """The other side broke its protocol."""

    exit_code = 76
    category = "protocol"


class CredentialsError(StepherdError):
    """A login, token or right is missing or refused."""

    exit_code = 77
    category = "credentials"


class ConfigurationError(StepherdError):
    """A setting, template or state machine definition is wrong."""

    exit_code = 78
    category = "configuration"
