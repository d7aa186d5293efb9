"""Faults 37 to 40: the answer to a task token comes twice, late, for a forged token, or its answer is lost.

Expected: twice and late are as good as once; a forged token changes nothing and is not polled for; throttled
and lost answers are given again until they are known to have been taken.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import task
from tests.integration.engine.conftest import Site, lay_out
from tests.integration.logins_machine.rig import Rig

from stepherd.errors import CredentialsError, TemporaryError, UnavailableError
from stepherd.services.step_functions.executions import Executions, InvalidTaskToken, open_executions


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    lay_out(folder / "application")
    opened = Site(folder / "home", folder / "application")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def executions(site: Site, monkeypatch: pytest.MonkeyPatch) -> Executions:
    """As a function has it: the key in the endpoint's path, and no AWS credentials at all."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", f"{site.local.endpoint}/{site.local.access_key}/")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return open_executions()


def _waiting(site: Site, name: str) -> tuple[str, str]:
    """An execution that waits for a token, and the token."""
    url = "https://sqs.us-east-1.amazonaws.com/000000000000/jobs"
    arguments = {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"}
    state = {**task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"), "Arguments": arguments}
    definition = {"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": {**state, "End": True}}}
    machine = site.do(
        lambda: site.local.engine.put_machine(name, json.dumps(definition), "arn:aws:iam::0:role/R")
    )
    request = {"stateMachineArn": machine.arn, "name": "e"}
    arn: str = site.do(lambda: site.local.api.call("StartExecution", request))["executionArn"]

    async def submitted() -> str:
        while True:
            call = {"executionArn": arn, "maxResults": 100}
            events: list[dict[str, Any]] = site.local.api.call("GetExecutionHistory", call)["events"]
            if any(event["type"] == "TaskSubmitted" for event in events):
                scheduled = next(event for event in events if event["type"] == "TaskScheduled")
                body = json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["MessageBody"]
                return str(body)
            await site.local.engine.changed(0.1)

    return arn, asyncio.run_coroutine_threadsafe(submitted(), site.loop).result(20)


def test_a_second_answer_is_taken_for_success(site: Site, executions: Executions) -> None:
    arn, token = _waiting(site, "twice")
    assert executions.is_running(arn)
    assert executions.beat(token)
    assert executions.succeed(token, {"a": 1})
    assert not executions.succeed(token, {"a": 1})
    assert not executions.fail(token, "E", "too late")
    assert not executions.beat(token)
    assert site.finish(arn).output == {"a": 1}
    assert not executions.is_running(arn)
    assert not executions.is_running(f"{arn}x")


def test_an_answer_after_a_stop_changes_nothing(site: Site, executions: Executions) -> None:
    arn, token = _waiting(site, "late")
    site.do(lambda: site.local.api.call("StopExecution", {"executionArn": arn}))
    assert not executions.succeed(token, {})
    assert site.finish(arn).status == "ABORTED"


def test_a_forged_token_is_no_token(site: Site, executions: Executions) -> None:
    arn, token = _waiting(site, "forged")
    for forged in (token[:-8], f"{token[:-4]}AAAA", "x", "a" * 2048):
        with pytest.raises(InvalidTaskToken):
            executions.beat(forged)
    assert executions.is_running(arn)
    executions.succeed(token, {})


def test_a_late_notice_is_not_polled_for(rig: Rig) -> None:
    asked = rig.start()
    rig.machine.open_tokens.clear()
    assert rig.complete(asked) == "no one is waiting for it any more"
    assert rig.polls() == 0


def test_a_forged_token_is_not_polled_for(rig: Rig) -> None:
    class Strict(type(rig.machine)):  # type: ignore[misc]
        def beat(self, token: str) -> bool:
            raise InvalidTaskToken("no such token")

    asked = rig.start()
    rig.machine = Strict()
    assert rig.complete(asked) == "not accepted: no such token"
    assert rig.polls() == 0
    assert rig.attempt(asked).claim == ""


def test_a_throttled_answer_is_given_again(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.approve()
    rig.machine.scripted = [TemporaryError("busy"), UnavailableError("gone"), TemporaryError("busy")]
    assert rig.complete(asked) == "approved"
    assert [words[0] for words in rig.machine.answers] == ["succeeded"]


def test_an_answer_whose_receipt_was_lost_is_not_a_failure(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.approve()
    rig.machine.loses_answers = True
    assert rig.complete(asked) == "approved"
    assert [words[0] for words in rig.machine.answers] == ["succeeded"]


def test_an_answer_that_is_refused_for_good_is_an_error_that_the_function_shows(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.approve()
    rig.machine.scripted = [CredentialsError("AWS refuses states:SendTaskSuccess.")]
    with pytest.raises(CredentialsError):
        rig.complete(asked)
    # AND the notice's next delivery gives the answer without a poll
    polls = rig.polls()
    rig.complete(asked)
    assert [words[0] for words in rig.machine.answers] == ["succeeded"]
    assert rig.polls() == polls
