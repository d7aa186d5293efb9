"""Faults 44 and 46: the notice cannot be sent, or no one has confirmed a subscription.

Expected: a warning before the wait, in the events and in the answer; the address and the code are in the
answer of StartLogin, whatever becomes of the notice.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest
from tests.integration.logins_machine.rig import Rig

from stepherd.logins.subscribers import warning_about


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


MACHINE = Path(__file__).parents[2] / "statemachines/login.asl.json"


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with moto.mock_aws():
        client = boto3.client("sns", region_name="us-east-1")
        arn = client.create_topic(Name="login")["TopicArn"]
        client.subscribe(TopicArn=arn, Protocol="lambda", Endpoint="arn:aws:lambda:us-east-1:1:function:f")
        yield client, arn


def test_nobody_but_the_function_is_worth_a_warning(topic: Any) -> None:
    assert "No one is subscribed" in warning_about(topic[1])


def test_a_confirmed_mail_address_is_enough(topic: Any) -> None:
    client, arn = topic
    client.subscribe(TopicArn=arn, Protocol="email", Endpoint="someone@example.com")
    assert warning_about(arn) == ""


def test_an_address_that_has_not_confirmed_hears_nothing(topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {"Protocol": "email", "SubscriptionArn": "PendingConfirmation"}

    class Pages:
        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            return [{"Subscriptions": [waiting]}]

    class Client:
        def get_paginator(self, _: str) -> Pages:
            return Pages()

    monkeypatch.setattr("stepherd.logins.subscribers.new_client", lambda *_, **__: Client())
    assert "1 must still confirm" in warning_about(topic[1])


def test_a_topic_that_cannot_be_asked_is_a_warning_and_no_failure(topic: Any) -> None:
    assert "cannot be checked" in warning_about(f"{topic[1]}-that-is-not-there")


def test_the_warning_is_in_the_events_and_the_answer_before_the_wait(rig: Rig) -> None:
    asked = rig.start(warning="No one is subscribed.")
    assert asked["warning"] == "No one is subscribed."
    (event,) = rig.events()
    for text in (event["text"], asked["text"]):
        assert "Warning: No one is subscribed." in text
        assert asked["verification_uri_complete"] in text
        assert asked["user_code"] in text


def test_a_notice_that_cannot_be_sent_is_sent_again_by_the_state() -> None:
    waiting = json.loads(MACHINE.read_text())["States"]["AwaitLoginApproval"]
    (retrier,) = waiting["Retry"]
    assert "SNS.SdkClientException" in retrier["ErrorEquals"]
    assert retrier["MaxAttempts"] >= 5
