"""Fault 86: KMS refuses the key of a secret, a bucket, a topic or a queue.

Expected: a message that says so and what to allow; nothing is sent another way.
"""

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from stepherd.errors import CredentialsError
from stepherd.services.notices.sns import SnsNotices
from stepherd.services.queues.sqs import SqsQueue
from stepherd.services.secrets import aws as secrets_aws
from stepherd.services.store.s3 import S3Store


def client(service: str) -> Any:
    return boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def test_a_bucket_with_a_refused_key_gets_no_plain_object() -> None:
    s3 = client("s3")
    message = "User: x is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:x"
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", "AccessDenied", message, 403)
        with pytest.raises(CredentialsError, match="KMS refuses kms:GenerateDataKey for s3://bucket/a"):
            S3Store(s3, "bucket").put("a", b"x")
        stub.assert_no_pending_responses()


def test_a_secret_with_a_refused_key_says_what_to_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = client("secretsmanager")
    monkeypatch.setattr(secrets_aws, "new_client", lambda service, region: manager)
    with Stubber(manager) as stub:
        stub.add_client_error(
            "get_secret_value", "AccessDeniedException", "Access to KMS is not allowed", 400
        )
        with pytest.raises(CredentialsError, match=r"KMS refuses the key for secret team/git.*kms:Decrypt"):
            secrets_aws.read_aws_secret("team/git")


def test_a_topic_or_queue_with_a_refused_key_says_so() -> None:
    sns, sqs = client("sns"), client("sqs")
    topic, url = "arn:aws:sns:eu-west-1:123456789012:t", "https://sqs.eu-west-1.amazonaws.com/1/q"
    with Stubber(sns) as stub:
        stub.add_client_error("publish", "KMSAccessDenied", "The ciphertext cannot be decrypted", 400)
        with pytest.raises(CredentialsError, match="KMS refuses"):
            SnsNotices(sns, topic).publish("a", "b", None)
    with Stubber(sqs) as stub:
        stub.add_client_error(
            "send_message",
            "KMS.AccessDeniedException",
            "x",
            400,
            expected_params={"QueueUrl": ANY, "MessageBody": ANY},
        )
        with pytest.raises(CredentialsError, match="KMS refuses"):
            SqsQueue(sqs, url).send("a")
