"""The files written beside the input of a run, their writers, and those that stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.errors import CredentialsError, StepherdError, TemporaryError, UsageError
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.prepare import prepare_run
from stepherd.runs.reply import reply_end, reply_folder, reply_refusal, reply_report, reply_running
from stepherd.runs.report import build_report
from stepherd.runs.request import InvalidRequest, check_request
from stepherd.services.store.contract import Store, WriteConflict
from stepherd.services.store.folder import FolderStore
from stepherd.services.store.opening import open_store

FAILURE = {"state": "PrepareRun", "error": "InvalidRequest", "cause": "{}", "redrives": 0}
START = "2026-11-21T10:00:00.000Z"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "i.md").write_text("# Do\n")
    repo = "https://github.com/owner/name.git"
    return {"instructions": str(tmp_path / "i.md"), "repo": repo, "command": "true", "reply_to": "inbox/a"}


def status(store: Store, place: str = "inbox/a") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(store.get(f"{place}/status.json").body)
    return loaded


def prepared(store: Store, run_id: str, given: dict[str, Any]) -> RunFolder:
    reply_running(store, run_id, given)
    prepare_run(run_id, given, store)
    return run_folder(store, run_id)


@pytest.mark.parametrize(
    ("place", "accepted"),
    [
        ("inbox/a", True),
        ("inbox/a/b ü", True),
        ("inbox", False),
        ("inbox/", False),
        ("inbox/a/", False),
        ("inbox/../runs/r", False),
        ("inbox/a/..", False),
        ("inbox//a", False),
        ("inbox/a\n", False),
        ("runs/r", False),
        ("inboxes/a", False),
        ("/inbox/a", False),
        (f"inbox/{'x' * 1010}", False),
        (7, False),
        ("", False),
    ],
)
def test_a_reply_goes_below_the_inbox_or_nowhere(asked: dict[str, Any], place: Any, accepted: bool) -> None:
    assert bool(reply_folder({"reply_to": place})) is accepted
    given = {**asked, "reply_to": place}
    if accepted:
        assert check_request(given) == given
    else:
        with pytest.raises(InvalidRequest):
            check_request(given)


def test_a_run_says_that_it_works_and_how_it_ended(store: Store, asked: dict[str, Any]) -> None:
    folder = prepared(store, "run_1", asked)
    assert (status(store)["status"], status(store)["run_id"]) == ("RUNNING", "run_1")
    assert reply_report(store, folder, build_report(folder, "run_1", started=START)) == ""
    told = status(store)
    assert (told["status"], told["started"]) == ("SUCCEEDED", START)
    assert told["finished"] > told["started"]
    assert store.get("inbox/a/report.md").body.startswith(b"# Run run_1: succeeded")


def test_a_request_that_cannot_be_run_is_answered_all_the_same(store: Store, asked: dict[str, Any]) -> None:
    given = {**asked, "push": "force"}
    with pytest.raises(InvalidRequest):
        prepared(store, "run_1", given)
    folder = run_folder(store, "run_1")
    reply_report(store, folder, build_report(folder, "run_1", started=START, failure=FAILURE))
    assert status(store)["status"] == "FAILED"
    assert "'force' is not one of" in status(store)["summary"]
    assert status(store)["next"] == "stepherd run"


def test_without_a_place_nothing_is_written(store: Store, asked: dict[str, Any]) -> None:
    del asked["reply_to"]
    folder = prepared(store, "run_1", asked)
    reply_report(store, folder, build_report(folder, "run_1"))
    reply_running(store, "run_1")
    reply_end(store, "run_1", asked, "ABORTED", START)
    assert [info.key for info in store.list("inbox/")] == []


def test_a_later_run_of_the_same_input_has_the_last_word(store: Store, asked: dict[str, Any]) -> None:
    first = prepared(store, "run_1", asked)
    report = build_report(first, "run_1", started=START)
    prepared(store, "run_2", asked)
    reply_report(store, first, report)
    assert (status(store)["run_id"], status(store)["status"]) == ("run_2", "RUNNING")
    # A redrive of the first does not make it the later one.
    reply_running(store, "run_1")
    assert status(store)["run_id"] == "run_2"
    second = run_folder(store, "run_2")
    reply_report(store, second, build_report(second, "run_2", started=status(store)["started"]))
    assert status(store)["status"] == "SUCCEEDED"


def test_a_redriven_run_works_again(store: Store, asked: dict[str, Any]) -> None:
    folder = prepared(store, "run_1", asked)
    reply_report(store, folder, build_report(folder, "run_1", started=START, failure=FAILURE))
    reply_running(store, "run_1")
    assert status(store)["status"] == "RUNNING"


@pytest.mark.parametrize("ended", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_end_from_outside_is_told_only_while_the_run_is_said_to_work(
    store: Store, asked: dict[str, Any], ended: Any
) -> None:
    folder = prepared(store, "run_1", asked)
    reply_end(store, "run_0", asked, ended, START)
    assert status(store)["status"] == "RUNNING", "another run's end"
    reply_end(store, "run_1", asked, ended, START)
    assert (status(store)["status"], status(store)["next"]) == (ended, "stepherd redrive run_1")
    assert store.get("inbox/a/report.md").body.decode().startswith(f"# Run run_1: {ended}\n")
    reply_report(store, folder, build_report(folder, "run_1", started=START))
    reply_end(store, "run_1", asked, ended, START)
    assert status(store)["status"] == "SUCCEEDED"


def test_a_refusal_says_why_and_what_to_do(store: Store) -> None:
    reply_refusal(store, "inbox/a", "run_1", UsageError("It has `a` <b> fault.", remedy="Mend it."))
    assert status(store)["next"] == "Mend it. Then upload the instructions again."
    assert r"\`a\` \<b\> fault" in store.get("inbox/a/report.md").body.decode()
    reply_refusal(store, "", "run_1", UsageError("It."))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"run_id": "x", "started": 7}'])
def test_a_damaged_status_is_written_anew(store: Store, asked: dict[str, Any], body: bytes) -> None:
    store.put("inbox/a/status.json", body)
    reply_running(store, "run_1", asked)
    assert status(store)["run_id"] == "run_1"


@pytest.mark.parametrize("error", [CredentialsError("AWS refuses s3:PutObject."), TemporaryError("Busy.")])
def test_a_reply_that_may_not_be_written_does_not_change_how_the_run_ended(
    store: Store, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: StepherdError
) -> None:
    folder = prepared(store, "run_1", asked)
    report = build_report(folder, "run_1", started=START)

    def refuse(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(FolderStore, "put", refuse)
    if error.retryable:
        with pytest.raises(TemporaryError):
            reply_report(store, folder, report)
    else:
        assert "refuses" in reply_report(store, folder, report)


def test_a_write_that_meets_another_is_made_again(
    store: Store, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put, met = FolderStore.put, []

    def meet(self: FolderStore, key: str, body: bytes, **conditions: Any) -> str:
        if key == "status.json" and len(met) < 2:
            met.append(key)
            raise WriteConflict("Another write was under way.")
        return put(self, key, body, **conditions)

    monkeypatch.setattr(FolderStore, "put", meet)
    reply_running(store, "run_1", asked)
    assert status(store)["status"] == "RUNNING"
    monkeypatch.setattr(FolderStore, "put", lambda *_, **__: (_ for _ in ()).throw(WriteConflict("Another.")))
    with pytest.raises(TemporaryError):
        reply_running(store, "run_2", asked)
