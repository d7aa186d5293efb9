"""The wait of a login, folded from its history; and a run's state during it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepherd.cli.follow.views import make_view, picture
from stepherd.cli.output import Output
from stepherd.cli.terminal.screen import Whole
from stepherd.history.logins import LoginProgress, Waiting
from stepherd.history.progress import Progress, StateRow
from stepherd.text.terminal import width

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
ARN = "arn:aws:states:us-east-1:000000000000:execution:stepherd-login:login_1"
ASKED = {
    "attempt": "a1",
    "code": 1,
    "agent": "q",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://device.sso.us-east-1.amazonaws.com/",
    "verification_uri_complete": "https://device.sso.us-east-1.amazonaws.com/?user_code=ABCD-EFGH",
    "expires_at": "2026-11-21T12:09:41Z",
}
HELD = {
    "status": "held",
    "text": "Waiting for the login held by run run_7.",
    "holder": "arn:aws:states:us-east-1:000000000000:execution:stepherd-pipeline:run_7",
}


class Story:
    """Writes a history, an event at a time."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, **details: Any) -> Story:
        number = len(self.events) + 1
        event: dict[str, Any] = {"id": number, "previousEventId": number - 1, "type": kind, "timestamp": NOON}
        self.events.append({**event, **details})
        return self

    def entered(self, name: str, kind: str = "Task") -> Story:
        return self.add(f"{kind}StateEntered", stateEnteredEventDetails={"name": name})

    def exited(self, name: str, output: object) -> Story:
        details = {"name": name, "output": json.dumps(output)}
        return self.add("TaskStateExited", stateExitedEventDetails=details)

    def asked(self, **changes: Any) -> Story:
        self.entered("CheckLogin").exited("CheckLogin", {"status": "needed"})
        self.entered("StartLogin").exited("StartLogin", {**ASKED, **changes})
        return self.entered("AwaitLoginApproval")


def folded(story: Story) -> LoginProgress:
    login = LoginProgress(ARN)
    login.feed(story.events)
    return login


def test_a_person_is_waited_for_from_the_moment_on_that_there_is_a_code() -> None:
    waiting = folded(Story().asked()).waiting
    assert waiting is not None
    assert (waiting.kind, waiting.user_code) == ("person", "ABCD-EFGH")
    assert waiting.url == ASKED["verification_uri_complete"]
    assert waiting.remaining(NOON) == "9:41 left"


def test_a_new_code_replaces_the_one_that_ended() -> None:
    story = Story().asked().exited("AwaitLoginApproval", {"again": True})
    login = folded(story)
    assert login.waiting is not None, "the old code stays in sight until there is another one"
    login.feed(story.asked(user_code="WXYZ-1234", code=2).events)
    assert (login.waiting.user_code, login.waiting.code) == ("WXYZ-1234", 2)


def test_who_holds_the_login_is_told_without_flapping_between_two_looks() -> None:
    story = Story().entered("CheckLogin").exited("CheckLogin", HELD).entered("WaitForHolder", "Wait")
    login = folded(story)
    assert login.waiting is not None
    assert (login.waiting.kind, login.waiting.holder_name) == ("holder", "run_7")
    assert login.feed(story.entered("CheckLogin").events) is False, "looking again changes nothing"
    login.feed(story.exited("CheckLogin", {"status": "valid"}).events)
    assert login.waiting is None


@pytest.mark.parametrize("settled", ["LoginReady", "LoginFailed"])
def test_nobody_is_waited_for_once_it_is_settled(settled: str) -> None:
    assert folded(Story().asked().exited("AwaitLoginApproval", {}).entered(settled)).waiting is None


def test_the_end_gives_output_or_error() -> None:
    done = {"status": "valid", "account": "Builder ID", "expires_at": "2026-11-21T13:00:00Z"}
    story = (
        Story().asked().add("ExecutionSucceeded", executionSucceededEventDetails={"output": json.dumps(done)})
    )
    login = folded(story)
    assert (login.status, login.output["account"], login.asked) == ("SUCCEEDED", "Builder ID", True)
    failed = (
        Story()
        .asked()
        .add(
            "ExecutionFailed",
            executionFailedEventDetails={"error": "LoginDeclined", "cause": "You declined."},
        )
    )
    login = folded(failed)
    assert (login.status, login.error, login.cause, login.waiting) == (
        "FAILED",
        "LoginDeclined",
        "You declined.",
        None,
    )


@pytest.mark.parametrize("output", [None, "", "[1]", "{broken"])
def test_a_history_without_the_data_is_no_error(output: str | None) -> None:
    story = Story().entered("CheckLogin")
    story.add("TaskStateExited", stateExitedEventDetails={"name": "CheckLogin", "output": output})
    story.add("TaskStateExited", stateExitedEventDetails={"name": "StartLogin", "output": output})
    assert folded(story).waiting is None


def waiting_row(waiting: Waiting | None) -> StateRow:
    row = StateRow("Authenticate", NOON - 7)
    row.login = LoginProgress(ARN)
    row.login.waiting = waiting
    return row


def progress_of(*rows: StateRow) -> Progress:
    progress = Progress()
    progress.rows, progress.started = list(rows), NOON - 8
    return progress


def person(**changes: Any) -> Waiting:
    fields = {
        "url": ASKED["verification_uri_complete"],
        "user_code": "ABCD-EFGH",
        "expires_at": ASKED["expires_at"],
    }
    return Waiting("person", "q", **{**fields, **changes})


def shown(progress: Progress, size: tuple[int, int] = (80, 24)) -> list[str]:
    return ["".join(text for text, _ in line) for line in picture(progress, NOON, size, "Ctrl-C asks.")]


def test_a_run_knows_the_login_that_its_state_has_started() -> None:
    submitted = {
        "resourceType": "states", "resource": "startExecution.sync:2",
        "output": json.dumps({"ExecutionArn": ARN}),
    }  # fmt: skip
    story = Story().add("ExecutionStarted").entered("Authenticate")
    story.add("TaskScheduled").add("TaskStarted").add("TaskSubmitted", taskSubmittedEventDetails=submitted)
    progress = Progress()
    progress.feed(story.events)
    ((row, login),) = progress.logins()
    assert (row.name, login.arn) == ("Authenticate", ARN)
    assert row.to_json(NOON, running=True)["waiting_for"] is None
    login.feed(Story().asked().events)
    told = row.to_json(NOON, running=True)["waiting_for"]
    assert told["kind"] == "person"
    assert told["user_code"] == "ABCD-EFGH"
    assert told["holder"] is None
    assert row.to_json(NOON, running=False)["waiting_for"] is None, "a run that has ended waits for nobody"


def test_other_tasks_that_are_waited_for_are_no_logins() -> None:
    submitted = {"resourceType": "ecs", "output": json.dumps({"Tasks": []})}
    story = Story().add("ExecutionStarted").entered("RunAgent").add("TaskScheduled").add("TaskStarted")
    progress = Progress()
    progress.feed(story.add("TaskSubmitted", taskSubmittedEventDetails=submitted).events)
    assert list(progress.logins()) == []


def test_the_picture_says_what_to_open_and_which_code_below_the_state() -> None:
    assert shown(progress_of(waiting_row(person()))) == [
        "  ● Authenticate         7.0 s  waiting for you",
        "      open  https://device.sso.us-east-1.amazonaws.com/?user_code=ABCD-EFGH",
        "      code  ABCD-EFGH  9:41 left",
        "  8.0 s. Ctrl-C asks.",
    ]


def test_the_picture_says_who_holds_the_login() -> None:
    waiting = Waiting("holder", text=HELD["text"], holder=HELD["holder"])
    assert shown(progress_of(waiting_row(waiting)))[:2] == [
        "  ● Authenticate         7.0 s  waiting for its turn",
        "      Waiting for the login held by run run_7.",
    ]


@pytest.mark.parametrize("columns", [20, 33, 44, 60])
def test_an_address_is_never_cut_and_counts_with_all_its_rows(columns: int) -> None:
    rows = [StateRow(f"State{number}", NOON) for number in range(20)]
    lines = picture(progress_of(*rows, waiting_row(person())), NOON, (columns, 24), "x")
    (address,) = [line for line in lines if isinstance(line, Whole) and "https" in str(line)]
    assert ASKED["verification_uri_complete"] in "".join(text for text, _ in address)
    widths = [(line, sum(width(text) for text, _ in line)) for line in lines]
    assert sum(-(-wide // columns) if isinstance(line, Whole) else 1 for line, wide in widths) <= 23


def test_what_an_identity_provider_says_cannot_draw_on_the_terminal() -> None:
    hostile = person(user_code="AB\x1b[2J\nCD", url="https://a.awsapps.com/\x1b]0;x\x07\u202e")
    assert not any(mark in "".join(shown(progress_of(waiting_row(hostile)))) for mark in "\x1b\n\u202e\x07")


def test_off_a_terminal_each_change_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepherd.cli.follow.views.time.time", lambda: NOON)
    view, row = make_view(Output()), waiting_row(None)
    progress = progress_of(row)
    second = person(user_code="WXYZ-1234", code=2)
    for waiting in (None, person(), person(), None, second, second, None):
        assert row.login is not None
        row.login.waiting = waiting
        view.update(progress, [row])
    row.status, row.ended, row.exited = "SUCCEEDED", NOON, True
    view.update(progress, [row])
    lines = capsys.readouterr().err.splitlines()
    assert [line[:16] for line in lines] == [
        "       1.0 s  ● ",
        "       8.0 s  ● ",
        "       8.0 s  ● ",
        "       8.0 s  ✓ ",
    ]
    assert lines[1].endswith(
        f"waiting for you: open {ASKED['verification_uri_complete']}, code ABCD-EFGH, 9:41 left"
    )
    assert "code WXYZ-1234 (code 2; the previous one has expired), 9:41 left" in lines[2]
    assert all(width(line) == len(line) for line in lines)


def test_a_code_that_has_ended_says_so() -> None:
    assert person().remaining(NOON + 600) == "this code has expired; a new one follows"
    assert person(expires_at="").remaining(NOON) == ""
