"""What a person sees: data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from stepherd.errors import StepherdError, StorageError
from stepherd.services.disk import NO_ROOM, disk_error
from stepherd.text.plain import json_text
from stepherd.text.terminal import clean, one_line

if TYPE_CHECKING:
    from stepherd.backends.backend import Choice, Place

__all__ = ["Output", "default_home", "show_error"]

_OWN_COMMAND = re.compile(
    r"\bstepherd (?:list|status|watch|logs|history|stop|redrive|resume|pull|doctor|export-token"
    r"|login(?: status)?|keys (?:create|list|revoke))\b"
)


def default_home() -> Path:
    """The home where none is named: STEPHERD_HOME, else ``~/.stepherd``."""
    return Path(os.environ.get("STEPHERD_HOME") or Path("~/.stepherd").expanduser()).absolute()


class Output:
    """Where a command writes. Commands never print by themselves.

    ``home`` is the home that the command works on: commands that are suggested name it where it is not
    the one that they would take by themselves. ``context`` is the one of --context, and is named likewise.
    """

    def __init__(self, home: Path, *, as_json: bool = False, context: str | None = None) -> None:
        self.home = home
        self.as_json = as_json
        self._context = context
        self._place: Place | None = None
        self._choice: Choice | None = None

    @property
    def choice(self) -> Choice:
        """Which context is meant, and why. Raises ConfigurationError."""
        if self._choice is None:
            from stepherd.backends.backend import choose

            self._choice = choose(self.home, self._context)
        return self._choice

    @property
    def place(self) -> Place:
        """Where the runs are. Raises NotFoundError for a context that is not there, ConfigurationError."""
        if self._place is None:
            from stepherd.backends.backend import open_place_of

            self._place = open_place_of(self.home, self.choice)
        return self._place

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

    def command(self, *words: str) -> str:
        """A command line of Stepherd's own, to be suggested."""
        return self.advice(f"stepherd {shlex.join(words)}")

    def advice(self, text: str) -> str:
        """``text`` with this home and context in the commands that it suggests."""
        if "stepherd " not in text:
            return text
        options = self._options()
        return _OWN_COMMAND.sub(lambda found: found[0] + options, text)

    def _options(self) -> str:
        from stepherd.backends.backend import suggested_option

        home = "" if self.home == default_home() else f" --home {shlex.quote(str(self.home))}"
        return home + suggested_option(self.home, self._context)

    def data(self, text: str, **how: Any) -> None:
        """A line of what was asked for."""
        _write(sys.stdout, _styled(sys.stdout, clean(text), how))

    def json(self, value: Any) -> None:
        """One JSON value, the whole answer of a command with ``--json``."""
        _write(sys.stdout, json_text(value, indent=2))

    def note(self, text: str, **how: Any) -> None:
        """A line about what is going on."""
        _write(sys.stderr, _styled(sys.stderr, clean(text), how))

    def error(self, error: StepherdError) -> int:
        """Say what happened, why, and the next command; the exit code."""
        return show_error(error, self.advice(error.remedy), as_json=self.as_json)


def show_error(error: StepherdError, remedy: str, *, as_json: bool) -> int:
    """Show an error in one line, as JSON too where that was asked for; its exit code."""
    if as_json:
        fields = {"category": error.category, "message": error.message, "remedy": remedy}
        with suppress(StorageError):  # Then standard error alone tells it.
            _write(sys.stdout, json_text({"error": {**fields, "retryable": error.retryable}}))
    head = _styled(sys.stderr, "stepherd:", {"fg": "red", "bold": True})
    _write(sys.stderr, f"{head} {one_line(f'{error.message} {remedy}')}")
    return error.exit_code


def coloured(stream: IO[str]) -> bool:
    """Whether a stream takes colours: NO_COLOR and CLICOLOR=0 say no, CLICOLOR_FORCE says yes."""
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    plain = "NO_COLOR" in os.environ or os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def _styled(stream: IO[str], text: str, how: Mapping[str, Any]) -> str:
    return click.style(text, **how) if how and coloured(stream) else text


def _write(stream: IO[str], text: str) -> None:
    """Write a line; who does not listen any more, a closed pipe or terminal, must not end a run.

    Raises StorageError where what was asked for did not get into its file: the exit code must not say it did.
    """
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except (OSError, ValueError) as error:
        silence(stream)
        if stream is sys.stdout and isinstance(error, OSError) and error.errno in NO_ROOM:
            raise disk_error(error, "Writing", "standard output") from error


def silence(stream: IO[str]) -> None:
    """Let whatever else is written to a stream go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, {sys.stdout: 1, sys.stderr: 2}.get(stream, nowhere))
    os.close(nowhere)
