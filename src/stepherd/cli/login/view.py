"""Showing a login that somebody at this terminal is to approve."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from stepherd.cli.output import Output
from stepherd.cli.terminal.screen import Part, Screen, Whole
from stepherd.client.run_text import waiting_line
from stepherd.history.logins import LoginProgress, Waiting
from stepherd.text.terminal import one_line

__all__ = ["LoginView", "login_picture", "make_login_view"]

_BOX = ("╭", "─", "╮", "│", "╰", "╯")
_PLAIN_BOX = ("+", "-", "+", "|", "+", "+")


class LoginView(Protocol):
    """Something that shows a login while it runs."""

    def update(self, login: LoginProgress) -> None:
        """Show the login's progress so far."""

    def tick(self) -> None:
        """Let the countdown run on."""

    def announce(self, words: str) -> None:
        """Say something once that stays to be read."""

    def close(self) -> None:
        """Stop drawing; a picture goes away, because what it asked for is over."""


def make_login_view(output: Output, title: str, opens: Callable[[str], bool]) -> LoginView:
    """The view that fits where standard error goes. ``opens`` opens an address in a browser."""
    return _LiveLogin(output, title, opens) if output.live else _LoginLines(output)


def login_picture(title: str, waiting: Waiting | None, now: float, *, opened: bool) -> list[list[Part]]:
    """The lines of the live view: the address and the code, or the reason of the wait."""
    if waiting is None:
        return [[(f"Checking the login of {title} …", "dim")]]
    if waiting.kind != "person":
        return [Whole([(one_line(waiting.text), "yellow")]), [("Ctrl-C stops waiting.", "dim")]]
    left = waiting.remaining(now)
    new = "A new code. " if waiting.code > 1 else ""
    how = "In your browser, or open" if opened else "Open"
    return [
        [(f"Log in to {title}", "bold")],
        [],
        [(f"  1  {how}", None)],
        Whole([("     ", None), (one_line(waiting.url), "cyan")]),
        [],
        [("  2  If it shows this code, approve it", None)],
        *_boxed(one_line(waiting.user_code)),
        [(f"  {new}{left}. " if left else f"  {new}", "yellow"), ("Ctrl-C cancels.", "dim")],
    ]


def _boxed(code: str) -> list[list[Part]]:
    plain = not (sys.stderr.encoding or "").lower().startswith("utf")
    first, line, last, side, bottom_first, bottom_last = _PLAIN_BOX if plain else _BOX
    wide = line * (len(code) + 6)
    return [
        [(f"     {first}{wide}{last}", None)],
        [(f"     {side}   ", None), (code, "bold"), (f"   {side}", None)],
        [(f"     {bottom_first}{wide}{bottom_last}", None)],
    ]


class _LoginLines:
    """A line a change."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._said: Waiting | None = None

    def update(self, login: LoginProgress) -> None:
        if login.waiting and login.waiting != self._said:
            line = waiting_line(login.waiting, time.time())
            self._output.note(line[:1].upper() + line[1:])
        self._said = login.waiting or self._said

    def tick(self) -> None:
        """Lines have no countdown."""

    def announce(self, words: str) -> None:
        self._output.note(words)

    def close(self) -> None:
        """There is nothing to close."""


class _LiveLogin:
    """Address, code and countdown; each new page is opened in the browser once."""

    def __init__(self, output: Output, title: str, opens: Callable[[str], bool]) -> None:
        self._output = output
        self._title = title
        self._opens = opens
        self._opened: dict[str, bool] = {}
        self._waiting: Waiting | None = None
        self._screen = Screen()
        self._open = True

    def update(self, login: LoginProgress) -> None:
        self._waiting = login.waiting
        self.tick()
        if self._waiting and self._url not in self._opened:
            self._opened[self._url] = self._opens(self._url)

    @property
    def _url(self) -> str:
        return self._waiting.url if self._waiting else ""

    def tick(self) -> None:
        if self._open:
            opened = self._opened.get(self._url, False)
            self._screen.draw(login_picture(self._title, self._waiting, time.time(), opened=opened))

    def announce(self, words: str) -> None:
        self._screen.forget()
        self._output.note(words)
        self.tick()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._screen.forget()
