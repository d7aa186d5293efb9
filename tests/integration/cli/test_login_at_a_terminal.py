"""``stepherd login`` and a run that waits for one, as a person sees them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.identity_provider import IdentityProvider

pytestmark = pytest.mark.exhaustive

Terminals = Callable[..., Any]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def provider(place: Any) -> Iterator[IdentityProvider]:
    with IdentityProvider() as made:
        paths = [str(ROOT / "tests/e2e/borrowing"), place.environment["PYTHONPATH"], str(ROOT)]
        place.environment |= {**made.environment, "PYTHONPATH": os.pathsep.join(paths)}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "CI"):
            place.environment.pop(name, None)
        yield made


def the_code(shown: Any, provider: IdentityProvider) -> str:
    shown.expect("approve it")
    (code,) = provider.user_codes()[-1:]
    return code


def test_address_code_and_countdown_are_shown_and_go_away(
    place: Any, terminal: Terminals, provider: IdentityProvider
) -> None:
    shown = terminal("login")
    code = the_code(shown, provider)
    heading = "Log in to Amazon Q Developer\n\n  1  Open\n"
    shown.expect(f"{heading}     {provider.url}/device?user_code={code}\n", f"\n     │   {code}   │\n")
    assert shown.screen.startswith(heading)
    seen = set()
    while len(seen) < 2:  # It counts down although nothing happens.
        shown.read()
        seen |= set(re.findall(r"9:5\d left", shown.screen))
    provider.approve(code)
    assert shown.end() == 0
    lines = shown.screen.splitlines()
    assert lines[0] == "Logged in to Amazon Q Developer: Builder ID"
    assert lines[1].startswith("  until    2")
    assert code not in shown.screen, "what was asked for is over"
    assert shown.is_as_before()


def test_the_browser_gets_the_page_once_and_no_other(
    place: Any, terminal: Terminals, provider: IdentityProvider, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho noise; echo noise >&2; echo "$1" >> {opened}\n')
    browser.chmod(0o755)
    place.environment["BROWSER"] = f"{browser} %s"
    shown = terminal("login")
    code = the_code(shown, provider)
    shown.expect("In your browser, or open")
    place.until(opened.exists, "the browser was opened")
    provider.approve(code)
    assert shown.end() == 0
    assert opened.read_text().splitlines() == [f"{provider.url}/device?user_code={code}"]
    assert "noise" not in shown.raw
    # AND not when it is not wanted
    shown = terminal("login", "--force", "--no-browser")
    the_code(shown, provider)
    shown.press("\x03")
    assert shown.end() == 130
    assert len(opened.read_text().splitlines()) == 1


def test_ctrl_c_asks_nothing_and_leaves_a_clean_screen(
    place: Any, terminal: Terminals, provider: IdentityProvider
) -> None:
    shown = terminal("login", columns=40)
    the_code(shown, provider)
    shown.press("\x03")
    assert shown.end() == 130
    words = "The login was cancelled; nothing stored has changed."
    assert " ".join(shown.screen.split()) == "^C" * shown.screen.count("^C") + words
    assert shown.is_as_before()
    assert place.processes() == []


def test_a_dumb_terminal_without_colour_gets_one_line(
    place: Any, terminal: Terminals, provider: IdentityProvider
) -> None:
    place.environment |= {"TERM": "dumb", "NO_COLOR": "1"}
    shown = terminal("login", columns=200)
    shown.expect("Waiting for you: open")
    provider.approve()
    assert shown.end() == 0
    assert "\x1b" not in shown.raw


@pytest.mark.parametrize("columns", [44, 80])
def test_a_run_shows_what_it_waits_for_below_its_state(
    place: Any, terminal: Terminals, provider: IdentityProvider, columns: int
) -> None:
    words = [*place.run_words("true", "--name", "asks"), "--agent", "borrower"]
    shown = terminal(*words, columns=columns)
    shown.expect("      code  ")
    (code,) = provider.user_codes()
    shown.expect(f"      open  {provider.url}/device?user_code={code}\n", f"      code  {code}  9:5")
    provider.approve(code)
    assert shown.end() == 0
    assert "If you or your team" not in shown.raw, "the engine's own notice is not written over the picture"
    assert code not in shown.screen
    assert shown.screen.count("Authenticate") == 1
    assert "Succeeded after" in shown.screen
    assert stat.S_IMODE(place.home.stat().st_mode) == 0o700, "a run, too, makes the home for its owner alone"
