"""The surroundings of a question: shell, git, environment, console."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ._base import Shape, at_most, chars

__all__ = [
    "AppStudioState",
    "ConsoleState",
    "EnvState",
    "EnvironmentVariable",
    "GitState",
    "ShellHistoryEntry",
    "ShellState",
    "UserSettings",
]


class AppStudioState(Shape):
    """The property that is open in App Studio."""

    namespace: str
    property_context: str
    property_name: str
    property_value: str | None = None


class ConsoleState(Shape):
    """The page of the AWS console that the user sees."""

    console_url: str | None = None
    region: str | None = None
    service_console_page: str | None = None
    service_id: str | None = None
    service_subconsole_page: str | None = None
    task_name: str | None = None


class EnvironmentVariable(Shape):
    """One environment variable."""

    key: Annotated[str, chars(1, 256)] | None = None
    value: Annotated[str, chars(1, 1024)] | None = None


class EnvState(Shape):
    """Operating system, working directory and environment variables. ``timezone_offset`` is in minutes."""

    current_working_directory: Annotated[str, chars(1, 256)] | None = None
    environment_variables: Annotated[list[EnvironmentVariable], at_most(100)] | None = None
    operating_system: Annotated[str, chars(1, 32, pattern="macos|linux|windows")] | None = None
    timezone_offset: Annotated[int, Field(ge=-1440, le=1440)] | None = None


class GitState(Shape):
    """The output of git status."""

    status: str | None = None


class ShellHistoryEntry(Shape):
    """A command that ran in the shell."""

    command: str
    directory: str | None = None
    exit_code: int | None = None
    stderr: str | None = None
    stdout: str | None = None


class ShellState(Shape):
    """The shell in use and its last commands."""

    shell_name: str
    shell_history: list[ShellHistoryEntry] | None = None


class UserSettings(Shape):
    """Consents of the user."""

    has_consented_to_cross_region_calls: bool | None = None
