"""What a person sees: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import click

from stepherd.errors import StepherdError

__all__ = ["Output", "clean", "is_json_wanted", "seconds_text", "show_error"]

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_BIDI = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def clean(text: str) -> str:
    """Text made harmless for a terminal: no escape sequences, control characters or direction marks."""
    return _BIDI.sub("", _CONTROL.sub("", text.replace("\r\n", "\n")))


def is_json_wanted() -> bool:
    """Whether ``--json`` stands on the command line; asked where no command could be built."""
    return "--json" in sys.argv[1:]


def show_error(error: StepherdError) -> int:
    """Say what happened, why, and the next command; the exit code."""
    if is_json_wanted():
        fields = {"category": error.category, "message": error.message, "remedy": error.remedy}
        print(json.dumps({"error": {**fields, "retryable": error.retryable}}))  # noqa: T201
    words = clean(str(error)).replace("\n", " ")
    click.echo(f"{style('stepherd:', fg='red', bold=True)} {words}", err=True)
    return error.exit_code


def style(text: str, **how: Any) -> str:
    """Colour for a terminal; NO_COLOR and CLICOLOR=0 turn it off, CLICOLOR_FORCE on."""
    forced = os.environ.get("CLICOLOR_FORCE", "0") != "0"
    plain = "NO_COLOR" in os.environ or os.environ.get("CLICOLOR") == "0"
    return click.style(text, **how) if (sys.stderr.isatty() and not plain) or forced else text


def seconds_text(seconds: float) -> str:
    """A duration for reading: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Output:
    """Where a command writes. Commands never print by themselves."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def live(self) -> bool:
        """Whether a live view can be drawn on standard error."""
        return (sys.stderr.isatty() or "STEPHERD_FORCE_TTY" in os.environ) and not self.as_json

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty() and "PROMPT_DISABLED" not in os.environ

    def data(self, text: str) -> None:
        """A line of what was asked for."""
        click.echo(clean(text))

    def json(self, value: Any) -> None:
        """One JSON value, the whole answer of a command with ``--json``."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def note(self, text: str) -> None:
        """A line about what is going on."""
        click.echo(clean(text), err=True)

    def styled(self, text: str) -> None:
        """A line about what is going on that holds colours of our own making."""
        click.echo(text, err=True)
