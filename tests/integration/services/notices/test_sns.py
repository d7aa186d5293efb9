"""Notices by SNS: each protocol gets what it may see."""

import json

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from stepherd.errors import DataError, NotFoundError
from stepherd.services.notices.opening import open_notices

REGION = "eu-west-1"


@pytest.fixture
def topic(aws: None) -> str:
    return str(boto3.client("sns").create_topic(Name="logins")["TopicArn"])


def sent(topic: str) -> tuple[str, dict[str, str]]:
    (notification,) = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[topic].sent_notifications
    return str(notification[2]), json.loads(notification[1])


def test_people_get_the_text_and_machines_their_part(topic: str) -> None:
    identifier = open_notices(topic).publish("Log in", "Open https://x", {"task_token": "canary"})
    subject, messages = sent(topic)
    assert identifier
    assert subject == "Log in"
    assert messages["default"] == messages["email"] == "Open https://x"
    assert json.loads(messages["lambda"]) == json.loads(messages["sqs"]) == {"task_token": "canary"}
    assert all(
        "canary" not in text for protocol, text in messages.items() if protocol not in {"lambda", "sqs"}
    )


def test_a_queue_that_subscribed_receives_the_machine_part(topic: str) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="machine")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    open_notices(topic).publish("Log in", "Open https://x", {"task_token": "t"})
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"]) == {"task_token": "t"}


def test_without_a_machine_part_everybody_gets_the_text(topic: str) -> None:
    open_notices(topic).publish("Done", "It is done", None)
    assert sent(topic)[1] == {"default": "It is done", "email": "It is done"}


def test_a_hostile_subject_becomes_one_line_of_ascii(topic: str) -> None:
    open_notices(topic).publish("Grüße\r\nBcc: x\x1b[31m " + "y" * 200, "text", None)
    subject, _ = sent(topic)
    assert subject.startswith("Gr??e Bcc: x yyy")
    assert len(subject) <= 100


def test_a_notice_above_the_limit_is_refused_with_its_size(topic: str) -> None:
    with pytest.raises(DataError, match="262,144"):
        open_notices(topic).publish("Big", "x" * 140_000, None)


def test_a_topic_that_is_not_there_is_named(aws: None) -> None:
    with pytest.raises(NotFoundError, match="absent"):
        open_notices(f"arn:aws:sns:{REGION}:{DEFAULT_ACCOUNT_ID}:absent").publish("a", "b", None)
