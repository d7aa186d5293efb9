"""A bench for the triggers: a versioned bucket, a pipeline that only starts, and events as AWS sends them."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import botocore.loaders
import pytest
from moto import mock_aws
from tests.atomic_s3 import hold_conditions

ROOT = Path(__file__).parents[1]
REGION = "eu-west-1"
BUCKET = "stepherd-bucket"
ROLE = "arn:aws:iam::123456789012:role/R"
HEAD = "---\nrepo: https://github.com/owner/name.git\ncommand: make\n---\n# Do it\n"
# AWS's models are read once, not for every client of every test.
_one_loader = functools.cache(botocore.loaders.create_loader)
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
}


class Context:
    """The context that awslambdaric gives to a handler, as far as Powertools reads it."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:function"
    aws_request_id = "6d7a3b1e-0000-4000-8000-000000000000"


def load_handler(name: str) -> Callable[[Mapping[str, Any], Any], Any]:
    """The handler of ``functions/<name>/app.py``."""
    spec = importlib.util.spec_from_file_location(f"app_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[[Mapping[str, Any], Any], Any] = module.handler
    return handler


def sample(name: str) -> dict[str, Any]:
    """A sample event of the repository."""
    loaded: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return loaded


@dataclass
class InboxBench:
    """The inbox of one bucket, with the function behind it."""

    s3: Any
    sfn: Any
    machine: str
    handler: Callable[[Mapping[str, Any], Any], Any]
    sequence: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 30)))

    @classmethod
    @contextmanager
    def open(cls, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[InboxBench]:
        for name, value in _SETTINGS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(botocore.loaders, "create_loader", _one_loader)
        hold_conditions()
        with mock_aws():
            s3, sfn = boto3.client("s3"), boto3.client("stepfunctions")
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
            definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
            machine = sfn.create_state_machine(name="pipeline", definition=definition, roleArn=ROLE)
            arn = machine["stateMachineArn"]
            given = {"STORE_URI": f"s3://{BUCKET}", "PIPELINE_ARN": arn, **environment}
            for name, value in given.items():
                monkeypatch.setenv(name, value)
            yield cls(s3, sfn, arn, load_handler("instructions_dropped"))

    def put(self, key: str, body: str = HEAD, **metadata: str) -> dict[str, Any]:
        """Upload an object; the event that EventBridge sends of it."""
        done = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode(), Metadata=metadata)
        event = sample("instructions_dropped")
        event["detail"]["bucket"]["name"] = BUCKET
        event["detail"]["object"] = {
            "key": key,
            "size": len(body),
            "etag": done["ETag"].strip('"'),
            "version-id": done["VersionId"],
            "sequencer": f"{0x65AB2C8E1F0A00 + next(self.sequence):018X}",
        }
        return event

    def deliver(self, *events: Mapping[str, Any]) -> None:
        """Each event to the function, as Lambda does."""
        for event in events:
            self.handler(event, Context())

    def runs(self) -> dict[str, dict[str, Any]]:
        """The runs that were started, with their requests."""
        pages = self.sfn.get_paginator("list_executions").paginate(stateMachineArn=self.machine)
        arns = [found["executionArn"] for page in pages for found in page["executions"]]
        described = [self.sfn.describe_execution(executionArn=arn) for arn in arns]
        return {found["name"]: json.loads(found["input"]) for found in described}

    def keys(self, prefix: str = "inbox/") -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def text(self, key: str) -> str:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body.decode()


def notification(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same upload as the bucket's own notification says it: with its key encoded."""
    told = sample("instructions_dropped_notification")
    item = event["detail"]["object"]
    told["Records"][0]["s3"]["bucket"]["name"] = event["detail"]["bucket"]["name"]
    told["Records"][0]["s3"]["object"] = {
        "key": quote_plus(item["key"], safe="/"),
        "size": item["size"],
        "eTag": item["etag"],
        "versionId": item["version-id"],
        "sequencer": item["sequencer"],
    }
    return told
