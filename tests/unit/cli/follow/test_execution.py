"""Notices of an engine in this process: what the view shows already is not said again, the rest is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.cli.follow.execution import follow_execution
from stepherd.cli.follow.notices import NewNotices
from stepherd.cli.follow.signals import Signal, Signals
from stepherd.cli.follow.views import make_view
from stepherd.cli.output import Output
from stepherd.history.progress import Progress
from stepherd.services.notices.opening import open_notices

LOGIN = "arn:aws:states:us-east-1:000000000000:execution:stepherd-login:login_1"


def an_event(number: int, kind: str, **details: Any) -> dict[str, Any]:
    return {"id": number, "previousEventId": number - 1, "type": kind, "timestamp": 1.0, **details}


ASKED = {"user_code": "ABCD-EFGH", "verification_uri": "https://a.awsapps.com/start", "agent": "q"}
RUN = [
    an_event(1, "ExecutionStarted"),
    an_event(2, "TaskStateEntered", stateEnteredEventDetails={"name": "Authenticate"}),
    an_event(3, "TaskScheduled"),
    an_event(4, "TaskStarted"),
    an_event(
        5,
        "TaskSubmitted",
        taskSubmittedEventDetails={
            "resourceType": "states",
            "output": json.dumps({"ExecutionArn": LOGIN}),
        },
    ),
]
NESTED = [
    an_event(
        1, "TaskStateExited", stateExitedEventDetails={"name": "StartLogin", "output": json.dumps(ASKED)}
    )
]


class Source:
    """An engine whose login has asked a person, and which then publishes what ``notices`` has, in turn."""

    def __init__(self, home: Path, notices: list[str]) -> None:
        self._home = home
        self._notices = notices
        self._over = False
        self.call: Any = None

    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        if arn == LOGIN:
            return NESTED[after:]
        more = [an_event(6, "ExecutionFailed", executionFailedEventDetails={})] if self._over else []
        return [*RUN, *more][after:]

    async def changed(self) -> None:
        if self._notices:
            open_notices(f"record:{self._home / 'notices.jsonl'}").publish(
                "Approve", self._notices.pop(0), None
            )
        else:
            self._over = True


def said(home: Path, capsys: pytest.CaptureFixture[str], *notices: str) -> list[str]:
    async def go() -> Signal:
        output = Output()
        seen = NewNotices(home)
        return await follow_execution(
            Source(home, list(notices)), "run_1", make_view(output), Progress(), Signals(), seen
        )

    assert asyncio.run(go()) is Signal.ENDED
    return capsys.readouterr().err.splitlines()


def test_the_notice_of_what_is_shown_is_not_said_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(tmp_path, capsys, "The run run_1 needs a login.\nCode: ABCD-EFGH")
    assert len([line for line in lines if "ABCD-EFGH" in line]) == 1
    assert "needs a login" not in "".join(lines)


def test_the_notice_of_another_run_is_said_once_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "The run run_2 needs a login.\nCode: WXYZ-9999\x1b[2J"
    lines = said(tmp_path, capsys, other, "More.")
    assert lines.count("Approve: The run run_2 needs a login. Code: WXYZ-9999") == 1
    assert lines.count("Approve: More.") == 1


def test_notices_from_before_are_of_no_interest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_notices(f"record:{tmp_path / 'notices.jsonl'}").publish("Old", "Of yesterday.", None)
    assert capsys.readouterr().err == "", "it is recorded, and nothing else"
    assert "Of yesterday." not in "".join(said(tmp_path, capsys))


def test_a_notices_file_that_cannot_be_read_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notices = NewNotices(tmp_path)
    (tmp_path / "notices.jsonl").mkdir()
    assert notices.read() == []
