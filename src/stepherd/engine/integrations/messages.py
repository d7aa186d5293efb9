"""``sns:publish`` and ``sqs:sendMessage``: local topics and queues of the template, real ones by boto3."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from stepherd.engine.asl.values import compact, parse, unicode_text
from stepherd.engine.deliveries import Deliveries
from stepherd.engine.integrations.answers import service_failure, with_metadata
from stepherd.engine.integrations.contract import Surroundings, TaskCall
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.records import Attempt
from stepherd.engine.threads import in_thread
from stepherd.errors import StepherdError
from stepherd.services.aws.errors import is_from_aws, is_refusal
from stepherd.services.notices.opening import open_notices
from stepherd.services.queues.opening import open_queue
from stepherd.text import moments

__all__ = ["SnsIntegration", "SqsIntegration"]


def _text(value: Any) -> str:
    """An object as a message is sent as JSON text [recorded]."""
    return unicode_text(value) if isinstance(value, str) else compact(value)


class _Sender:
    """The common part of SNS and SQS: nothing to wait for, nothing to stop."""

    async def wait(self, call: TaskCall) -> Any:
        """A message is no job."""
        raise TaskError("States.Runtime", call.resource.name)

    async def stop(self, attempt: Attempt) -> None:
        """A message that was sent cannot be taken back."""


class SnsIntegration(_Sender):
    """Topics of the template are shown as notices and delivered to their subscribed functions."""

    def __init__(self, topics: Mapping[str, Sequence[str]], notices: str, deliveries: Deliveries) -> None:
        """``topics``: ARN → names of the subscribed functions. ``notices``: where people are told."""
        self._topics = topics
        self._notices = notices
        self._deliveries = deliveries

    @classmethod
    def among(cls, surroundings: Surroundings) -> Self:
        """With the template's topics."""
        return cls(surroundings.application.topics, surroundings.notices, surroundings.deliveries)

    async def submit(self, call: TaskCall) -> Any:
        """Publish: people get the text for their protocol, functions the one for theirs."""
        parameters = call.parameters
        topic = str(parameters.get("TopicArn", ""))
        if topic not in self._topics:
            return await in_thread(_by_boto3, "sns", "publish", parameters, "SNS")
        message = _text(parameters.get("Message", ""))
        texts = self._by_protocol(message, parameters.get("MessageStructure"))
        subject = str(parameters.get("Subject", ""))
        identity = str(uuid.uuid4())
        shown = texts.get("email", texts.get("default", ""))
        await _locally("SNS", lambda: open_notices(self._notices).publish(subject, shown, None))
        event = _sns_event(topic, identity, subject, texts.get("lambda", texts.get("default", "")))
        for function in self._topics[topic]:
            token = call.attempt.token if call.attempt.waits else ""
            name = await _locally("SNS", partial(self._keep, function, event, token))
            self._deliveries.begin(name)
        return with_metadata({"MessageId": identity}, "sns")

    def _keep(self, function: str, event: str, token: str) -> str:
        name = str(uuid.uuid4())
        self._deliveries.keep(name, function, event, token)
        return name

    def _by_protocol(self, message: str, structure: Any) -> dict[str, str]:
        if structure != "json":
            return {"default": message}
        try:
            texts: dict[str, str] = parse(message)
        except ValueError as error:
            raise _invalid_message(
                "Invalid parameter: Message Structure - JSON message body failed to parse"
            ) from error
        if not isinstance(texts, dict) or "default" not in texts:
            raise _invalid_message(
                "Invalid parameter: Message Structure - No default entry in JSON message body"
            )
        return texts


def _invalid_message(words: str) -> TaskError:
    return TaskError("SNS.InvalidParameterException", service_failure(words, "AmazonSNS", "InvalidParameter"))


def _sns_event(topic: str, identity: str, subject: str, message: str) -> str:
    now = moments.now()
    sns: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": identity,
        "TopicArn": topic,
        "Subject": subject or None,
    }
    sns |= {"Message": message, "Timestamp": now, "SignatureVersion": "1", "MessageAttributes": {}}
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:local",
        "Sns": sns,
    }
    return compact({"Records": [record]})


class SqsIntegration(_Sender):
    """Queues of the template are SQLite queues; others are real."""

    def __init__(self, queues: Mapping[str, str]) -> None:
        self._queues = queues

    @classmethod
    def among(cls, surroundings: Surroundings) -> Self:
        """With the template's queues, in a file of the home."""
        file = surroundings.home / "queues.sqlite3"
        urls = surroundings.application.queues
        return cls({url: f"sqlite://{file}#{url.rsplit('/', 1)[-1]}" for url in urls})

    async def submit(self, call: TaskCall) -> Any:
        """Send one message to the queue."""
        parameters = call.parameters
        url = parameters.get("QueueUrl")
        if not url or "MessageBody" not in parameters:
            missing = "QueueUrl" if not url else "MessageBody"
            words = f"The request must contain the parameter {missing}."
            raise TaskError("SQS.AmazonSQSException", service_failure(words, "AmazonSQS", "MissingParameter"))
        if not isinstance(url, str) or url not in self._queues:
            return await in_thread(_by_boto3, "sqs", "send_message", parameters, "SQS")
        body = _text(parameters["MessageBody"])
        group, once = (
            None if (given := parameters.get(member)) is None else _text(given)
            for member in ("MessageGroupId", "MessageDeduplicationId")
        )

        def send() -> str:
            return open_queue(self._queues[url]).send(body, group=group, deduplication_id=once)

        identity = await _locally("SQS", send)
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return with_metadata({"MD5OfMessageBody": digest, "MessageId": identity}, "sqs")


async def _locally(prefix: str, act: Callable[[], str]) -> str:
    """Do something with a local file; what the disk refuses is the task's failure, not the engine's."""
    try:
        return await in_thread(act)
    except (StepherdError, OSError) as error:
        raise TaskError(f"{prefix}.SdkClientException", str(error)) from error


def _by_boto3(service: str, operation: str, parameters: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Call a real service with the parameters as they stand; AWS's error becomes the task's."""
    try:
        # Only now: it takes its time to load, and an installation may be without it.
        import boto3
    except ImportError as error:
        raise TaskError(
            f"{prefix}.SdkClientException", "boto3 is missing: pip install 'stepherd[aws]'"
        ) from error
    ready = {
        key: _text(value) if key in ("Message", "MessageBody") else value for key, value in parameters.items()
    }
    try:
        answer = getattr(boto3.client(service, region_name=_region(ready)), operation)(**ready)
    except Exception as error:
        if is_refusal(error):
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            cause = service_failure(message, f"Amazon{prefix}", code)
            raise TaskError(f"{prefix}.{_exception_name(code)}", cause) from error
        if is_from_aws(error) or isinstance(error, StepherdError):
            words = f"Unable to execute HTTP request: {error}"
            raise TaskError(f"{prefix}.SdkClientException", words) from error
        raise
    answer.pop("ResponseMetadata", None)
    return with_metadata(answer, service)


def _region(parameters: Mapping[str, Any]) -> str | None:
    named = re.search(r"(?:arn:aws[\w-]*:sns:|//sqs\.)([a-z0-9-]+)", str(parameters))
    return named[1] if named else None


def _exception_name(code: str) -> str:
    name = code.rsplit(".", 1)[-1]
    return name if name.endswith("Exception") else f"{name}Exception"
