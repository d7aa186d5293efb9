"""The deployed stack as its code sees it: S3, secrets and topics on an emulator, under made-up names.

The answers of Step Functions and ECS are scripted: no emulator has task tokens and nested executions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import Session
from tests.aws_calls import Call, recording
from tests.aws_grants import Stack
from tests.identity_provider import IdentityProvider
from tests.inbox_bench import load_handler
from tests.integration.steps.rig import ROOT
from tests.moto_server import moto_server

from stepherd.agents import registry
from stepherd.logins.time_budget import TimeBudget
from stepherd.services.template_text import read_template

__all__ = ["BUCKET", "ELSEWHERE", "LEFT_OVER", "PARAMETERS", "Site", "deployed"]

BUCKET, ELSEWHERE = "stepherd-bucket", "elsewhere"
PARAMETERS = {
    "AgentCredentialsSecretId": "agents",
    "LoginDatabaseUri": f"s3://{ELSEWHERE}/q/data.sqlite3",
}
_KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
_NESTED = "nested-login"
LEFT_OVER = "run_3"
"""The run that has left a task and a login."""


def deployed(text: str | None = None) -> Stack:
    """The template, or another text in its place, with every optional part."""
    text = (ROOT / "template.yaml").read_text() if text is None else text
    return Stack(read_template(text, "template.yaml"), PARAMETERS, {"Bucket": BUCKET})


class Context:
    """The context that awslambdaric gives to a handler."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "6d7a3b1e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def _one_client_each(make: Callable[..., Any]) -> Callable[..., Any]:
    made: dict[str, Any] = {}

    def create(session: Any, service: str, **options: Any) -> Any:
        if service not in made:
            made[service] = make(session, service, **options)
        return made[service]

    return create


@dataclass
class Site:
    """The stack's functions and tasks, and what they called so far, by role."""

    root: Path
    stack: Stack
    provider: IdentityProvider
    patch: pytest.MonkeyPatch
    calls: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    running: bool = False
    """Whether an execution that is asked after still runs."""

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[Site]:
        with (
            moto_server() as address,
            pytest.MonkeyPatch.context() as patch,
            IdentityProvider(approves_at_once=True) as provider,
        ):
            # Made before the settings of whoever runs the tests are taken away from each test.
            for name in [each for each in os.environ if each.startswith(("AWS_", "STEPHERD_"))]:
                patch.delenv(name)
            patch.setenv("HOME", str(root))
            for name, value in {**_KEYS, "AWS_ENDPOINT_URL": address}.items():
                patch.setenv(name, value)
            for name, value in provider.environment.items():
                patch.setenv(name, value)
            # A client for each service is enough, and most of the time goes into making them.
            patch.setattr(Session, "create_client", _one_client_each(Session.create_client))
            # No one waits for the provider.
            patch.setattr(TimeBudget, "sleep", lambda *_: True)
            patch.setitem(registry.__dict__["_AGENTS"], "tester", "tests.integration.steps.tester")
            yield cls(root, deployed(), provider, patch)._furnished()

    def _furnished(self) -> Site:
        for bucket in (BUCKET, ELSEWHERE):
            self.s3.create_bucket(Bucket=bucket)
        secrets = boto3.client("secretsmanager")
        for name, fields in (
            ("amazon-q-headless/git-credentials", {"name": "Ann", "email": "ann@example.com"}),
            ("amazon-q-headless/amazon-q-credentials", {"license": "free"}),
            ("agents", {"TESTER_KEY": "key-of-the-tester"}),
            ("stepherd/git/team", {"name": "Ann"}),
            ("stepherd/agents/team", {"TESTER_KEY": "another-key-of-the-tester"}),
            ("amazon-q-headless/agent-team", {"TESTER_KEY": "a-third-key-of-the-tester"}),
        ):
            secrets.create_secret(Name=name, SecretString=json.dumps(fields))
        boto3.client("sns").create_topic(Name="stepherd-login")
        settings = {
            "STORE_URI": f"s3://{BUCKET}",
            "PIPELINE_ARN": self.machine("PipelineStateMachine"),
            "KEEP_MACHINE_ARN": self.machine("KeepStateMachine"),
            "CLUSTER_ARN": self.stack.attribute("Cluster", "Arn"),
            "LOGIN_SNS_TOPIC": self.stack.reference("LoginTopic"),
            "LOGIN_SUBSCRIBERS": "CHECKED",
            "AMAZON_Q_CREDENTIALS_SECRET_ID": "amazon-q-headless/amazon-q-credentials",
        }
        for name, value in settings.items():
            self.patch.setenv(name, value)
        return self

    @property
    def s3(self) -> Any:
        return boto3.client("s3")

    def machine(self, name: str) -> str:
        """A state machine's ARN."""
        return self.stack.reference(name)

    def execution(self, machine: str, name: str) -> str:
        """An execution's ARN."""
        return self.machine(machine).replace(":stateMachine:", ":execution:") + f":{name}"

    def put(self, key: str, body: str) -> str:
        """Upload an object, as a person does; its ETag."""
        return str(self.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())["ETag"]).strip('"')

    def remove(self, *keys: str) -> None:
        """Remove objects, as lifecycle rules and people do."""
        for key in keys:
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def invoke(self, role: str, event: Mapping[str, Any]) -> Any:
        """Call a function as Lambda does; its role is named as it is in the template."""
        folder = self.stack.resources[role]["Properties"]["CodeUri"].rstrip("/").rpartition("/")[2]
        with recording(self.calls[role], self._answers()):
            return load_handler(folder)(event, Context())

    def step(self, role: str, name: str, run_id: str, **environment: str) -> int:
        """Run a step in a process of its own; its exit code."""
        place = self.root / "calls.json"
        aws = {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, "-m", "tests.integration.privilege.recorded_step", name],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.root),
                "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
                "STEPHERD_RUN_FOLDER": f"s3://{BUCKET}/runs/{run_id}",
                "RECORDED_CALLS": str(place),
                "GIT_CREDENTIALS_SECRET_ID": "amazon-q-headless/git-credentials",
                "AGENT_CREDENTIALS_SECRET_ID": "agents",
                **aws,
                **environment,
            },
            cwd=self.root,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert place.exists(), done.stderr
        self.calls[role] += [Call(**fields) for fields in json.loads(place.read_text())]
        place.unlink()
        return done.returncode

    def _status(self, execution: str) -> str:
        return "RUNNING" if self.running or execution.endswith(_NESTED) else "SUCCEEDED"

    def _answers(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        nested = json.dumps({"ExecutionArn": self.execution("LoginStateMachine", _NESTED)})
        folder = {"name": "STEPHERD_RUN_FOLDER", "value": f"s3://{BUCKET}/runs/{LEFT_OVER}"}
        task = f"arn:aws:ecs:us-east-1:{self.stack.account}:task/Cluster/{'0' * 32}"
        overrides = {"containerOverrides": [{"name": "git", "environment": [folder]}]}
        details = {"resourceType": "states", "output": nested}
        facts = {
            "folder": folder["value"], "login": {"needed": True}, "push": "branch", "request_digest": "",
        }  # fmt: skip
        prepared = {"resourceType": "lambda", "output": json.dumps({"Payload": facts})}
        return {
            **{f"SendTask{kind}": lambda _: {} for kind in ("Success", "Failure", "Heartbeat")},
            "StartExecution": lambda given: {
                "executionArn": self.execution("PipelineStateMachine", given["name"]), "startDate": now,
            },
            "DescribeExecution": lambda given: {
                "executionArn": given["executionArn"],
                "status": self._status(given["executionArn"]),
            },
            "GetExecutionHistory": lambda _: {
                "events": [
                    {"timestamp": now, "taskSubmittedEventDetails": details},
                    {"timestamp": now, "taskSucceededEventDetails": prepared},
                ]
            },
            "StopExecution": lambda _: {"stopDate": now},
            "ListTasks": lambda _: {"taskArns": [task]},
            "DescribeTasks": lambda _: {
                "tasks": [{"taskArn": task, "createdAt": now, "overrides": overrides}]
            },
            "StopTask": lambda _: {},
        }  # fmt: skip
