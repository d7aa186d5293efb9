"""A stack in moto's server, as healthy as can be; each test takes something from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.moto_server import moto_server

from stepherd.api_keys.ring import KeyRing
from stepherd.application import application_root
from stepherd.cloud.contexts import Context
from stepherd.doctor.checkup import Finding, examine
from stepherd.doctor.stack import stack_checks
from stepherd.services.secrets.opening import open_document
from stepherd.services.template_text import read_template

REGION, ACCOUNT = "eu-west-1", "123456789012"
Answer = Callable[[bytes], tuple[int, dict[str, str], str]]


class Endpoint:
    """A service that answers what it is told to: a body gets a status, more headers and a text."""

    def __init__(self, answer: Answer) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, headers, text = answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(text.encode())), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Quotas:
    """Service Quotas, which moto knows for networks alone: a page of one each, or a refusal."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[str, str, float]]] = {
            "fargate": [
                ("Fargate Spot vCPU resource count", "L-0", 1.0),
                ("Fargate On-Demand vCPU resource count", "L-1", 16.0),
            ],
            "lambda": [("Concurrent executions", "L-2", 1000.0)],
            "codebuild": [
                ("Concurrently running builds for Linux/Small environment", "L-4", 1.0),
                ("Concurrently running builds for ARM/Small environment", "L-5", 1.0),
            ],
            "states": [("Open executions", "L-3", 1_000_000.0)],
        }
        self.refusal = ""

    def answer(self, body: bytes) -> tuple[int, dict[str, str], str]:
        if self.refusal:
            fields = {"__type": "AccessDeniedException", "message": self.refusal}
            return 400, {}, json.dumps(fields)
        asked = json.loads(body)
        rows, first = self.rows[asked["ServiceCode"]], int(asked.get("NextToken") or 0)
        page = [
            {"ServiceCode": asked["ServiceCode"], "QuotaName": name, "QuotaCode": code, "Value": value}
            for name, code, value in rows[first : first + 1]
        ]
        more = {"NextToken": str(first + 1)} if first + 1 < len(rows) else {}
        return 200, {}, json.dumps({"Quotas": page, **more})


class Deployed:
    """A stack with what the checks look at, and the findings about it."""

    def __init__(self, home: Path, url: str, quotas: Quotas) -> None:
        self.home, self.url, self.quotas = home, url, quotas
        self.keys = ""
        self.context = Context("aws", "stepherd", REGION, ACCOUNT)
        self.repository = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/images"
        self.parameters = {
            "GitImage": f"{self.repository}:git-1a",
            "AgentImage": f"{self.repository}:agent-1a",
            "DefaultAgent": "claude",
        }

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url)

    def deploy(self, **parameters: str) -> None:
        """Make the stack, its images, secrets and a key."""
        self._images()
        place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        self.client("s3").create_bucket(Bucket="runs", **place)
        secrets = self.client("secretsmanager")
        secrets.create_secret(Name="amazon-q-headless/git-credentials", SecretString="{}")
        self.keys = secrets.create_secret(Name="keys", SecretString='{"keys": []}')["ARN"]
        KeyRing(open_document(self.keys)).create("ada", "runs:write")
        self.stack(**parameters)
        self.subscribe("a@example.com")
        self.alarm("stepherd-RunsFailAlarm-1A2B3C", "OK")

    def stack(self, *, without: tuple[str, ...] = (), **parameters: str) -> None:
        """Create or replace the stack; every parameter of the template is there but those in ``without``."""
        path = application_root() / "template.yaml"
        declared = read_template(path.read_text(), str(path))["Parameters"]
        given = {**self.parameters, **parameters}
        template = {
            "Parameters": {
                name: {"Type": "String", "Default": given.get(name, str(fields.get("Default", "")))}
                for name, fields in declared.items()
                if name not in without
            },
            "Resources": {
                "LoginTopic": {"Type": "AWS::SNS::Topic"},
                "DeadLetterQueue": {"Type": "AWS::SQS::Queue"},
                "RunDeadLetterQueue": {"Type": "AWS::SQS::Queue"},
            },
            "Outputs": {
                "LoginTopicArn": {"Value": {"Ref": "LoginTopic"}},
                "ApiKeysSecretId": {"Value": self.keys},
                "ImageRepositoryUri": {"Value": self.repository},
                "StoreUri": {"Value": "s3://runs"},
                "PipelineArn": {"Value": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:pipeline"},
                "LoginArn": {"Value": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:login"},
            },
        }
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName="stepherd", TemplateBody=json.dumps(template))

    def part(self, logical: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(
            StackName="stepherd", LogicalResourceId=logical
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def subscribe(self, mail: str) -> None:
        topic, sns = self.part("LoginTopic"), self.client("sns")
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=mail)
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:complete-login"
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)

    def alarm(self, name: str, state: str) -> None:
        metric = {"Namespace": "AWS/States", "MetricName": "ExecutionsFailed", "Statistic": "Sum"}
        limit = {"Period": 300, "EvaluationPeriods": 1, "Threshold": 1.0}
        cloudwatch = self.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=name, AlarmDescription="Runs have failed.", **metric, **limit,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )  # fmt: skip
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")

    def push_image(self, tag: str) -> None:
        kind = "application/vnd.oci.image.manifest.v1+json"
        fields = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": f"sha256:{tag}"}, "layers": []}
        manifest = {"imageManifest": json.dumps(fields), "imageManifestMediaType": kind}
        self.client("ecr").put_image(repositoryName="images", imageTag=tag, **manifest)

    def _images(self) -> None:
        self.client("ecr").create_repository(repositoryName="images")
        for tag in ("git-1a", "agent-1a"):
            self.push_image(tag)

    def findings(self, *names: str) -> dict[str, Finding]:
        """By name, in order; of all checks, or of those that are named."""
        checks = [one for one in stack_checks(self.home, self.context) if not names or one.name in names]
        return {one.name: one for one in examine(checks, self.home)}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Moto's server, on loopback."""
    with moto_server() as address:
        yield address


@pytest.fixture
def deployed(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """Nothing is deployed yet; the settings are those of somebody with credentials."""
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST")).close()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-west-1")  # Put back at the end, whatever the checks make of it.
    quotas = Quotas()
    endpoint = Endpoint(quotas.answer)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", endpoint.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    yield Deployed(tmp_path, server, quotas)
    endpoint.close()


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Answer], None]]:
    """Lets a service be served by an endpoint of one's own."""
    opened: list[Endpoint] = []

    def serve(service: str, answer: Answer) -> None:
        opened.append(Endpoint(answer))
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", opened[-1].url)

    yield serve
    for endpoint in opened:
        endpoint.close()
