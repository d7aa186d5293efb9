"""The application's stack in an emulator: packaged and translated by SAM's own code, created and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.cloud.emulator import Emulator, until
from tests.integration.cloud.project import run

NAME = "stepherd"
# Properties that ministack 1.5 lacks and CloudFormation has, by resource; adapt() gives it the nearest that
# it knows.
LACKS = {
    "HttpApi": "passes over an OpenAPI Body in silence: routes, integrations, authorizer become resources",
}
_CODE = "code"


@dataclass(frozen=True)
class Stack:
    """A stack that has come to rest."""

    emulator: Emulator
    status: str
    outputs: Mapping[str, str]
    created: Mapping[str, Mapping[str, str]]
    """By logical id, as ListStackResources shows it."""
    complaints: tuple[str, ...]

    def delete(self) -> None:
        """Until CloudFormation does not know it any more."""
        client = self.emulator.client("cloudformation")
        client.delete_stack(StackName=NAME)
        until(lambda: _is_gone(client), 30)


def translated(require: Callable[[str], str], project: Path, emulator: Emulator) -> dict[str, Any]:
    """The template that CloudFormation gets for template.yaml: code uploaded, transform applied."""
    sam = require("sam")
    emulator.client("s3").create_bucket(Bucket=_CODE)
    packaged, plain = project / "packaged.yaml", project / "translated.json"
    words = ["--template-file", "template.yaml", "--s3-bucket", _CODE, "--region", "us-east-1"]
    run([sam, "package", *words, "--output-template-file", str(packaged)], project, emulator.environment)
    python = require(str(Path(sam).resolve().with_name("python")))
    script = Path(__file__).with_name("translate_sam.py")
    run([python, str(script), str(packaged), str(plain)], project, emulator.environment)
    template: dict[str, Any] = json.loads(plain.read_text())
    return template


def adapt(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template without what is in LACKS."""
    adapted: dict[str, Any] = json.loads(json.dumps(template))
    resources = adapted["Resources"]
    api = resources["HttpApi"]["Properties"]
    body = api.pop("Body")
    api |= {"Name": body["info"]["title"], "ProtocolType": "HTTP"}
    resources |= _authorizers(body)
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            resources |= _route(len(resources), f"{method.upper()} {path}", operation)
    return adapted


def create(emulator: Emulator, template: Mapping[str, Any], parameters: Mapping[str, str]) -> Stack:
    """From a template on S3, for it is longer than what may be sent inline."""
    emulator.client("s3").put_object(Bucket=_CODE, Key="template.json", Body=json.dumps(template).encode())
    client = emulator.client("cloudformation")
    client.create_stack(
        StackName=NAME,
        TemplateURL=f"{emulator.environment['AWS_ENDPOINT_URL']}/{_CODE}/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    until(lambda: not _described(client)["StackStatus"].endswith("_IN_PROGRESS"), 60)
    described = _described(client)
    events = client.describe_stack_events(StackName=NAME)["StackEvents"]
    pages = client.get_paginator("list_stack_resources").paginate(StackName=NAME)
    return Stack(
        emulator,
        described["StackStatus"],
        {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())},
        {item["LogicalResourceId"]: item for page in pages for item in page["StackResourceSummaries"]},
        tuple(
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if "FAILED" in event["ResourceStatus"]
        ),
    )


def _described(client: Any) -> dict[str, Any]:
    stack: dict[str, Any] = client.describe_stacks(StackName=NAME)["Stacks"][0]
    return stack


def _is_gone(client: Any) -> bool:
    try:
        status = _described(client)["StackStatus"]
    except client.exceptions.ClientError as error:
        return "does not exist" in str(error)
    assert not status.endswith("FAILED"), status
    return False


def _authorizers(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"Adapted{name}": _resource(
            "Authorizer",
            Name=name,
            AuthorizerType=scheme["x-amazon-apigateway-authorizer"]["type"].upper(),
            **{
                key[0].upper() + key[1:]: value
                for key, value in scheme["x-amazon-apigateway-authorizer"].items()
                if key != "type"
            },
        )
        for name, scheme in body["components"]["securitySchemes"].items()
    }


def _route(number: int, key: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    integration = operation["x-amazon-apigateway-integration"]
    (security,) = operation["security"]
    (authorizer,) = security
    name = f"AdaptedIntegration{number}"
    return {
        name: _resource(
            "Integration",
            IntegrationType=integration["type"].upper(),
            IntegrationUri=integration["uri"],
            IntegrationMethod=integration["httpMethod"],
            PayloadFormatVersion=integration["payloadFormatVersion"],
        ),
        f"AdaptedRoute{number}": _resource(
            "Route",
            RouteKey=key,
            Target={"Fn::Sub": f"integrations/${{{name}}}"},
            AuthorizationType="CUSTOM",
            AuthorizerId={"Ref": f"Adapted{authorizer}"},
        ),
    }


def _resource(kind: str, **properties: object) -> dict[str, Any]:
    return {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": {"ApiId": {"Ref": "HttpApi"}, **properties}}
