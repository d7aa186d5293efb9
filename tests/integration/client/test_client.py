"""The client on a temporary home: real runs of real agents on an engine in the background."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.e2e.lender import wait_until
from tests.e2e.place import Place
from tests.integration.repositories.origin import git

import stepherd
from stepherd import Client, Request
from stepherd.errors import CannotCreateError, NotFoundError, StepherdError, UsageError

WORD = "# Write a word\n\n```text file=word.txt\nword\n```\n"


def request(place: Place, command: str = "sh -c 'echo working; echo new > new.txt'", **more: Any) -> Request:
    return Request(repo=place.origin.bare, instructions=place.instructions(), command=command, **more)


def test_a_run_is_started_followed_and_reported(place: Place) -> None:
    before = datetime.now(UTC)
    with Client(home=place.home) as client:
        run = client.start(request(place), run_id="run_1")
        # WHEN it is followed from where a loop runs
        updates = asyncio.run(collected(client, run.id))
        # THEN its events come in order, each once, with the states that they change
        assert [update.event.id for update in updates] == list(range(1, len(updates) + 1))
        assert (updates[0].event.type, updates[-1].event.type) == ("ExecutionStarted", "ExecutionSucceeded")
        assert (updates[0].status, updates[-1].status) == ("RUNNING", "SUCCEEDED")
        assert all(before <= update.event.at <= datetime.now(UTC) for update in updates)
        last = {state.name: state.status for update in updates for state in update.states}
        assert {"PrepareRun", "CloneRepository", "RunAgent", "CommitAndPush", "ReportRun"} <= last.keys()
        assert set(last.values()) == {"SUCCEEDED"}
        # AND a state's time is that of the event, however long ago it was
        for update in updates:
            for state in update.states:
                assert state.seconds == pytest.approx(
                    ((state.ended or update.event.at) - state.entered).total_seconds(), abs=0.002
                )
        # AND everything that there is to know of it can be asked for
        ended = client.run("run_1")
        assert (ended.status, ended.running, ended.redrives) == ("SUCCEEDED", False, 0)
        assert ended.stopped is not None
        assert before <= ended.started <= ended.stopped
        assert client.runs(status="succeeded") == [ended]
        assert client.runs(status="failed") == []
        report = client.report(run)
        assert (report.succeeded, report.branch, report.error) == (True, "stepherd/run_1", None)
        assert report.commit == place.origin.tip("stepherd/run_1")
        assert [(file.path, file.added, file.deleted) for file in report.files] == [("new.txt", 1, 0)]
        assert report.fields == place.status()
        assert git(place.origin.bare, "show", "stepherd/run_1:new.txt") == "new"
        assert "working" in [line.text for line in client.logs(run, state="RunAgent")]
        assert [line.text for line in client.logs(run, state="RunAgent", tail=1)] != []
        with pytest.raises(UsageError, match="no logs of a state 'Nowhere'"):
            list(client.logs(run, state="Nowhere"))
        with pytest.raises(CannotCreateError):
            client.start(request(place), run_id="run_1")
        with pytest.raises(NotFoundError) as unknown:
            client.run("run_9")
        assert unknown.value.message == f"There is no run 'run_9' in {place.home}."


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda client, _: client.runs(status="BROKEN"), "No run has the status 'BROKEN'. The statuses are"),
        (lambda client, _: client.runs(limit=-1), "-1 is not acceptable as limit"),
        (lambda client, _: client.runs(since=cast(Any, "24h")), "'24h' is not acceptable as since"),
        (lambda client, _: list(client.logs("run_1", tail=-1)), "-1 is not acceptable as tail"),
        (lambda client, wanted: client.start(wanted, runner="dockr"), "There is no runner 'dockr'."),
        (
            lambda client, wanted: client.start(replace(wanted, timeout_seconds="soon")),
            "must be a whole number, not text. Give a time of up to 23h with timeout_seconds=TIME",
        ),
        (
            lambda client, wanted: client.start({**wanted.to_json(), "timeout_seconds": "30d"}),
            "2592000 is more than 82800. Give a time of up to 23h with timeout_seconds=TIME",
        ),
    ],
)
def test_what_a_program_cannot_ask_for_is_said_in_words(
    place: Place, ask: Callable[[Client, Request], object], words: str
) -> None:
    with Client(home=place.home) as client, pytest.raises(UsageError) as refused:
        ask(client, request(place))
    assert words in str(refused.value)


async def collected(client: Client, run_id: str) -> list[stepherd.Update]:
    return [update async for update in client.follow(run_id)]


def test_all_of_it_works_where_a_loop_runs_already_as_in_a_notebook(place: Place) -> None:
    async def cell() -> None:
        with Client(home=place.home) as client:
            run = client.start(request(place, "sh -c 'sleep 600'", push="none"), run_id="run_1")
            seen = [state async for update in client.follow(run) for state in _stop_at_agent(client, update)]
            assert "RunAgent" in {state.name for state in seen}
            assert client.wait(run).status == "ABORTED"

    asyncio.run(cell())


def _stop_at_agent(client: Client, update: stepherd.Update) -> tuple[stepherd.State, ...]:
    if any(state.name == "RunAgent" and state.status == "RUNNING" for state in update.states):
        client.stop("run_1", reason="seen enough")
    return update.states


def test_a_run_is_stopped_with_its_work_and_redriven_to_its_end(place: Place) -> None:
    flag, up = place.root / "go", place.root / "up"
    script = place.script(
        f"echo busy > work.txt\ntouch {up}\ntest -e {flag} || sleep 600\necho new > new.txt"
    )
    with Client(home=place.home) as client:
        # GIVEN a run that outlives the client that has started it
        run = client.start(request(place, script), run_id="run_1")
    with Client(home=place.home) as client:
        wait_until(up.exists, "agent that works")
        assert [one.id for one in client.runs(status="RUNNING")] == ["run_1"]
        with pytest.raises(UsageError, match="run_1 cannot be redriven: it has not ended yet"):
            client.redrive(run)
        # WHEN it is stopped
        told: list[str] = []
        stopped = client.stop(run, reason="wrong instructions", tell=told.append)
        # THEN that is known when the call returns, and its work is kept
        assert (stopped.run.status, stopped.before) == ("ABORTED", "RUNNING")
        assert told[0] == "Stopping run_1 and everything it started."
        assert stopped.branch == "stepherd/run_1"
        assert stopped.remark == "Kept on stepherd/run_1."
        report = client.report(run)
        assert report.error is not None
        assert "wrong instructions" in report.error.message
        assert client.stop(run).before == "ABORTED"
        # AND a redrive takes it up where it was
        flag.touch()
        again = client.redrive(run, timeout_seconds=60)
        assert (again.id, again.redrives) == ("run_1", 1)
        assert client.wait(again).status == "SUCCEEDED"
        assert git(place.origin.bare, "show", "stepherd/run_1:new.txt") == "new"


def test_logs_are_followed_until_the_run_has_ended(place: Place) -> None:
    flag = place.root / "go"
    script = place.script(f"echo one\nuntil test -e {flag}; do sleep 0.05; done\necho two")
    with Client(home=place.home) as client:
        run = client.start(request(place, script, push="none"), run_id="run_1")
        lines = []
        for line in client.logs(run, follow=True):
            lines.append((line.state, line.text))
            if line.text == "one":
                flag.touch()
        assert ("RunAgent", "one") in lines
        assert ("RunAgent", "two") in lines
        assert not client.run("run_1").running


def test_what_cannot_be_run_is_refused_and_leaves_nothing(place: Place) -> None:
    with Client(home=place.home) as client:
        with pytest.raises(UsageError, match="surprise"):
            client.start({"instructions": str(place.instructions()), "surprise": 1})
        assert not place.home.exists()
        with pytest.raises(StepherdError) as raised:
            client.start(
                Request(repo=place.root / "nowhere", instructions=place.instructions(), agent="apply")
            )
        assert raised.value.exit_code != 70
        assert not (place.home / "engine.json").exists()
        assert client.runs() == []
        with pytest.raises(NotFoundError):
            client.run("run_1")
        with pytest.raises(NotFoundError):
            client.report("run_1")


def test_the_examples_of_the_docstrings_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepherd.client import client, request

    given = {
        "home": place.home, "repo": place.origin.bare, "instructions": place.instructions(WORD),
        "Request": Request,
    }  # fmt: skip
    for module in (client, request):
        failed, tried = doctest.testmod(module, extraglobs=given)
        assert (failed, tried > 0) == (0, True)


def test_a_context_that_is_not_there_and_a_home_of_others_are_refused(place: Place) -> None:
    with pytest.raises(NotFoundError, match="no context 'nope'"):
        Client(home=place.home, context="nope")
    place.home.mkdir(mode=0o777)
    place.home.chmod(0o777)
    with pytest.raises(StepherdError, match="can write to the home"):
        Client(home=place.home)
