"""Output of the commands: data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any

import click

from stepherd.errors import StepherdError, StorageError
from stepherd.remedies import commands_in, joined
from stepherd.services.disk import NO_ROOM, disk_error
from stepherd.text.plain import json_text
from stepherd.text.terminal import clean, one_line, wrapped

__all__ = ["Output", "show_error"]


class Output:
    """Where a command writes. Commands never print by themselves.

    ``advise`` completes the commands that an error suggests.
    """

    def __init__(self, *, as_json: bool = False, advise: Callable[[str], str] = str) -> None:
        self.as_json = as_json
        self._advise = advise

    @property
    def live(self) -> bool:
        """Whether a live view can be drawn on standard error."""
        dumb = os.environ.get("TERM") == "dumb"
        return ((sys.stderr.isatty() and not dumb) or "STEPHERD_FORCE_TTY" in os.environ) and not self.as_json

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty() and "PROMPT_DISABLED" not in os.environ

    @property
    def is_read(self) -> bool:
        """Whether standard output goes to a program or file, not to the terminal that shows the rest."""
        return not sys.stdout.isatty()

    @property
    def columns(self) -> int | None:
        """The width of the terminal that standard output goes to; None where it goes elsewhere."""
        return _columns(sys.stdout)

    def data(self, text: str, *, hang: int | None = None, **how: Any) -> None:
        """A line of what was asked for. With ``hang`` it is parted between words where the terminal's line
        ends, and continued below with so many spaces."""
        _write(sys.stdout, _styled(sys.stdout, _parted(sys.stdout, clean(text), hang), how))

    def content(self, data: bytes) -> None:
        """Bytes as they are, without an end of their own; not for a terminal, which they could drive."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except (OSError, ValueError) as error:
            _gone(sys.stdout, error)

    def json(self, value: Any) -> None:
        """One JSON value, the whole answer of a command with ``--json``."""
        _write(sys.stdout, json_text(value, indent=2))

    def note(self, text: str, *, hang: int | None = 2, **how: Any) -> None:
        """A line about the progress; parted as above."""
        _write(sys.stderr, _styled(sys.stderr, _parted(sys.stderr, clean(text), hang), how))

    def error(self, error: StepherdError) -> int:
        """Say what happened, why, and the next command; the exit code."""
        return show_error(error, self._advise(error.remedy), as_json=self.as_json)


def show_error(error: StepherdError, remedy: str, *, as_json: bool) -> int:
    """Show an error in one line, as JSON too where that was asked for; its exit code."""
    if as_json:
        fields = {
            "category": error.category, "message": error.message, "remedy": remedy,
            "commands": commands_in(remedy),
        }  # fmt: skip
        with suppress(StorageError):  # Then standard error alone tells it.
            _write(sys.stdout, json_text({"error": {**fields, "retryable": error.retryable}}))
    head = "stepherd:"
    line = _parted(sys.stderr, f"{head} {one_line(joined(error.message, remedy))}", 0)
    coloured_head = _styled(sys.stderr, head, {"fg": "red", "bold": True})
    _write(sys.stderr, coloured_head + line.removeprefix(head))
    return error.exit_code


def coloured(stream: IO[str]) -> bool:
    """Whether a stream takes colours: NO_COLOR and CLICOLOR=0 say no, CLICOLOR_FORCE says yes."""
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    plain = "NO_COLOR" in os.environ or os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def _styled(stream: IO[str], text: str, how: Mapping[str, Any]) -> str:
    return click.style(text, **how) if any(how.values()) and coloured(stream) else text


def _parted(stream: IO[str], text: str, hang: int | None) -> str:
    columns = None if hang is None else _columns(stream)
    if hang is None or columns is None:
        return text
    return "\n".join(wrapped(line, columns, hang) for line in text.split("\n"))


def _columns(stream: IO[str]) -> int | None:
    """The width of a terminal; None for anything else."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return None


def _write(stream: IO[str], text: str) -> None:
    """Write a line; a reader that is gone, a closed pipe or terminal, must not end a run.

    Raises StorageError where what was asked for did not get into its file: the exit code must not say it did.
    """
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except (OSError, ValueError) as error:
        _gone(stream, error)


def _gone(stream: IO[str], error: Exception) -> None:
    silence(stream)
    if stream is sys.stdout and isinstance(error, OSError) and error.errno in NO_ROOM:
        raise disk_error(error, "Writing", "standard output") from error


def silence(stream: IO[str]) -> None:
    """Let whatever else is written to a stream go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, {sys.stdout: 1, sys.stderr: 2}.get(stream, nowhere))
    os.close(nowhere)
