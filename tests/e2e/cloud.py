"""A deployed stack on loopback: moto for what AWS stores, an embedded engine as its Step Functions.

Between the command line and both stands a proxy that can behave as AWS does on a bad day.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from tests.e2e.place import Place
from tests.e2e.unkind_aws import Unkind
from tests.integration.repositories.http_server import GitServer, serve

from stepherd.backends.client import LOGIN, machine_arn
from stepherd.cloud.contexts import Context, keep_context

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
STACK: Final = "flock"
BUCKET: Final = "flock-bucket"
TOKEN: Final = "canary-Hk4Tz8Wq1Ns6"
_KEYS: Final = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
_PARAMETERS: Final = {
    "DefaultAgent": "", "AgentCredentialsSecretId": "", "LoginDatabaseUri": "",
}  # fmt: skip


@dataclass
class Cloud:
    """The place of a person with a stack in the account, and everything in that account."""

    place: Place
    moto: str
    states: Unkind
    """Step Functions."""
    formation: Unkind
    """CloudFormation."""
    remote: GitServer
    home: Path
    """Of the engine that poses as Step Functions."""
    bucket: str = BUCKET
    _shipped: dict[Path, int] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def at(cls, place: Place) -> Iterator[Cloud]:
        """The stack ``flock``, which the context ``aws`` names and which is the default."""
        if importlib.util.find_spec("flask") is None and os.environ.get("STEPHERD_REQUIRE_ALL") != "1":
            pytest.skip("moto[server] is not installed")
        from tests.moto_server import moto_server

        with ExitStack() as until_end:
            moto = until_end.enter_context(moto_server())
            remote = until_end.enter_context(serve(place.origin.folder, TOKEN))
            place.environment |= {
                **_KEYS, "AWS_ENDPOINT_URL": moto, "AWS_DEFAULT_REGION": REGION,
                "STEPHERD_ALLOW_LOOPBACK_REMOTES": "1",
            }  # fmt: skip
            home = place.root / "cloud"
            _client(moto, "s3").create_bucket(Bucket=BUCKET)
            engine = until_end.enter_context(_engine(place, home))
            states = until_end.enter_context(Unkind(engine).serving())
            formation = until_end.enter_context(Unkind(moto).serving())
            place.environment |= {
                "AWS_ENDPOINT_URL_SFN": states.url, "AWS_ENDPOINT_URL_CLOUDFORMATION": formation.url,
            }  # fmt: skip
            cloud = cls(place, moto, states, formation, remote, home)
            cloud._deploy()
            keep_context(place.home, Context("aws", STACK, REGION, ACCOUNT), default=True)
            yield cloud

    def client(self, service: str) -> Any:
        """boto3's client of what moto serves."""
        return _client(self.moto, service)

    def objects(self, prefix: str = "") -> list[str]:
        """The keys in the stack's bucket."""
        found = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]

    @property
    def repo(self) -> str:
        """The address of the remote, for callers with the token."""
        return f"{self.remote.url}/team.git"

    def bind_token(self) -> None:
        """Store the token with its host, as ``stepherd init`` does: those who do not type --repo need it."""
        secret = {"token": TOKEN, "hosts": self.remote.url.removeprefix("http://")}
        self.client("secretsmanager").put_secret_value(
            SecretId="amazon-q-headless/git-credentials", SecretString=json.dumps(secret)
        )

    def run_words(self, command: str, *more: str, name: str = "run_1") -> list[str]:
        """The words of ``stepherd run`` on the stack."""
        words = ["run", "--name", name, "--repo", self.repo, "--command", command]
        if "--instructions" not in more:
            words += ["--instructions", str(self.place.instructions())]
        return [*words, *more]

    def ship_logs(self) -> None:
        """Bring what tasks wrote to CloudWatch, as the log driver of ECS does."""
        logs = self.client("logs")
        for path in sorted(self.home.glob("tasks/*/*/log")):
            task, container = path.parts[-3], path.parts[-2]
            name = f"{container}/{container}/{task}"
            stream = {
                "logGroupName": f"/stepherd/{STACK}/tasks",
                "logStreamName": name,
            }
            lines = path.read_text().splitlines()
            if path not in self._shipped:
                logs.create_log_stream(**stream)
            new = lines[self._shipped.get(path, 0) :]
            self._shipped[path] = len(lines)
            at = int(path.stat().st_mtime * 1000)
            if new:
                logs.put_log_events(**stream, logEvents=[{"timestamp": at, "message": line} for line in new])

    def _deploy(self) -> None:
        outputs = {
            "PipelineArn": machine_arn(), "LoginArn": machine_arn(LOGIN), "StoreUri": f"s3://{BUCKET}",
            "ApiKeysSecretId": "flock/api-keys",
        }  # fmt: skip
        template = {
            "Parameters": {name: {"Type": "String", "Default": value} for name, value in _PARAMETERS.items()},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        self.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        self.client("logs").create_log_group(logGroupName=f"/stepherd/{STACK}/tasks")
        secrets, git = self.client("secretsmanager"), json.dumps({"token": TOKEN})
        secrets.create_secret(Name="amazon-q-headless/git-credentials", SecretString=git)
        secrets.create_secret(Name="flock/api-keys", SecretString='{"keys": []}')


def _client(endpoint: str, service: str) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
    return boto3.client(service, endpoint_url=endpoint, **keys)


@contextmanager
def _engine(place: Place, home: Path) -> Iterator[str]:
    """The process of the engine, and its endpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.cloud_engine", str(home), f"s3://{BUCKET}"],
        env=place.environment,
        cwd=place.root,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            # A process that is not ended here would be found in the middle of another test.
            process.kill()
            process.wait()
            process.stdout.close()
