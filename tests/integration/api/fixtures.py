"""The ground of the API's tests; conftest.py here and below tests/faults take it over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.atomic_s3 import hold_conditions
from tests.integration.api.gateway import PIPELINE, Gateway, Reply
from tests.integration.api.machine import Machine

from stepherd.api.runs import Runs
from stepherd.api.service import Service
from stepherd.api_keys.ring import KeyRing
from stepherd.services.secrets.opening import open_document
from stepherd.services.store.contract import Store
from stepherd.services.store.opening import open_store

__all__ = ["Api", "api", "executions", "machine", "on_s3"]


@dataclass
class Api:
    """The HTTP API with a pipeline behind it, and keys for it."""

    gateway: Gateway
    machine: Machine
    service: Service
    store: Store
    ring: KeyRing
    instructions: str

    def key(self, owner: str = "ada", scope: str = "runs:write", expires: datetime | None = None) -> str:
        """A new key."""
        return self.ring.create(owner, scope, expires)[0]

    def run(self, message: str = "done", **fields: Any) -> dict[str, Any]:
        """A body for POST /executions."""
        return {
            "run": {
                "instructions": self.instructions, "repo": "https://github.com/owner/name", "command": "true",
                "message": message, **fields,
            }
        }  # fmt: skip

    def start(self, key: str, message: str = "done", **fields: Any) -> str:
        """Start a run; its id."""
        reply = self.call("POST", "/executions", key, body=self.run(message, **fields))
        return str(reply.ok(202)["run_id"])

    def finish(self, key: str, message: str = "done", **fields: Any) -> str:
        """Start a run and wait for its end; its id."""
        run_id = self.start(key, message, **fields)
        self.machine.ended(run_id)
        return run_id

    @property
    def call(self) -> Callable[..., Reply]:
        """Gateway.call."""
        return self.gateway.call


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One engine for a module's tests."""
    opened = Machine(tmp_path_factory.mktemp("machine"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def executions(machine: Machine) -> Runs:
    """One client for a module's tests: making one takes longer than most of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _settings(machine).items():
            patch.setenv(name, value)
        return Runs.open(PIPELINE)


def _settings(machine: Machine) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_SFN": machine.address,
    }


@pytest.fixture
def api(machine: Machine, executions: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """With the store in a folder and the keys in a file."""
    told = tmp_path / "instructions.md"
    told.write_text("# Do it\n")
    store, secret = open_store(str(tmp_path / "store")), f"file:{tmp_path / 'keys.json'}"
    monkeypatch.setenv("API_KEYS_SECRET_ID", secret)
    service = Service(store, executions)
    return Api(Gateway(service), machine, service, store, KeyRing(open_document(secret)), str(told))


@pytest.fixture
def on_s3(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """With the store on S3 and the keys in Secrets Manager."""
    ours = {"PIPELINE_ARN": PIPELINE, "STORE_URI": "s3://bucket", "TASK_LOG_GROUP": "tasks"}
    ours["KEEP_ARN"] = PIPELINE.replace("-pipeline", "-keep")
    for name, value in {**_settings(machine), **ours, "API_KEYS_SECRET_ID": "stack-keys"}.items():
        monkeypatch.setenv(name, value)
    hold_conditions()
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        boto3.client("secretsmanager").create_secret(Name="stack-keys", SecretString='{"keys": []}')
        boto3.client("logs").create_log_group(logGroupName="tasks")
        service = Service.open()
        service.store.put("inbox/instructions.md", b"# Do it\n")
        ring = KeyRing(open_document("stack-keys"))
        told = "s3://bucket/inbox/instructions.md"
        yield Api(Gateway(service), machine, service, service.store, ring, told)
