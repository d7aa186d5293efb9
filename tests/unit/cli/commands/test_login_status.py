"""The words of ``stepherd login status`` on renewal say no more than is known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stepherd.backends.login_outlook import Outlook
from stepherd.cli.commands.login_status import _lines, _renewal, _show
from stepherd.cli.invocation import Invocation
from stepherd.logins.failures import DamagedDatabase, NewerDatabase

BUILDER_ID = Outlook(
    "q", "Amazon Q Developer", "file:///db", account="x", refresh_until=datetime(2027, 2, 19, tzinfo=UTC)
)


def test_the_end_of_the_client_is_said_to_be_that() -> None:
    words = _renewal(BUILDER_ID)
    assert words.startswith("possible until 2027-02-19 00:00:00 UTC")
    assert words.endswith("when its client registration ends")


def test_no_line_is_broken_by_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stepherd.cli.output._columns", lambda _stream: 80)
    _show(Invocation(Path("/h")), replace(BUILDER_ID, is_identity_center=True))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.startswith(" " * 12)]


def test_only_where_a_login_helps_it_is_advised(tmp_path: Path) -> None:
    newer = NewerDatabase("A newer version of its CLI has changed it.", remedy="Update Stepherd.")
    damaged = DamagedDatabase("It is damaged.", remedy="Log in again.")
    said = {
        type(error): "\n".join(
            text for text, _ in _lines(Invocation(tmp_path), replace(BUILDER_ID, account=None, error=error))
        )
        for error in (newer, damaged)
    }
    assert "  next run  fails unless that changes\n  remedy    Update Stepherd." in said[NewerDatabase]
    assert "stepherd login" not in said[NewerDatabase]
    assert "log in    stepherd login" in said[DamagedDatabase]


def test_a_companys_sessions_may_be_shorter() -> None:
    assert "your company's sessions end sooner" in _renewal(replace(BUILDER_ID, is_identity_center=True))


def test_what_only_the_cli_renews_is_said_so() -> None:
    social = replace(BUILDER_ID, refresh_until=None, why_no_refresh="Only kiro-cli renews it.")
    assert _renewal(social) == "not possible. Only kiro-cli renews it."
