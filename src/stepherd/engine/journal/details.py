"""The details of events as the journal keeps them: long ones deflated.

Most of a history is what AWS's services say about themselves: headers, ARNs, the shape of an ECS task.
Deflated with a dictionary of such texts a run's events take a third of their room. A journal keeps the
dictionary that it was made with, so that what is written here may change.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

__all__ = ["DICTIONARY", "Packing"]

_LEAST = 96
"""Shorter texts stay as they are: they would gain little, and cost time in every state."""
_WINDOW_BITS = 13
"""A window of 8 KB, which the dictionary fits into; a smaller one is set up more quickly."""


class Packing:
    """Texts to what a row holds, and back."""

    def __init__(self, dictionary: str) -> None:
        self._dictionary = dictionary.encode()
        self._primed = zlib.compressobj(
            zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, _WINDOW_BITS, zdict=self._dictionary
        )

    def pack(self, text: str | None) -> str | bytes | None:
        """A text, or its deflated bytes where that is shorter."""
        if text is None or len(text) < _LEAST:
            return text
        plain = text.encode()
        deflate = self._primed.copy()
        packed = deflate.compress(plain) + deflate.flush()
        return packed if len(packed) < len(plain) else text

    def unpack(self, kept: str | bytes | None) -> str | None:
        """The text that was packed. Raises ValueError for bytes that are damaged."""
        if kept is None or isinstance(kept, str):
            return kept
        inflate = zlib.decompressobj(zdict=self._dictionary)
        try:
            plain = inflate.decompress(kept) + inflate.flush()
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if not inflate.eof:
            raise ValueError("the details of an event are incomplete")
        return plain.decode()


def _inside(value: object) -> str:
    """A value as it stands in a details object: JSON text in a JSON string."""
    return json.dumps(json.dumps(value, separators=(",", ":")))[1:-1]


def _metadata(headers: dict[str, str]) -> dict[str, Any]:
    every = {name: [value] for name, value in headers.items()}
    metadata = {"AllHttpHeaders": every, "HttpHeaders": headers, "HttpStatusCode": 200}
    return {"SdkHttpMetadata": metadata, "SdkResponseMetadata": {"RequestId": ""}}


_BASE = "arn:aws:ecs:us-east-1:000000000000:"
_FUNCTION_HEADERS = {
    "Connection": "keep-alive",
    "x-amzn-Remapped-Content-Length": "0",
    "X-Amz-Executed-Version": "$LATEST",
    "X-Amzn-Trace-Id": "root=1-",
    "Content-Length": "4",
    "Content-Type": "application/json",
    "Date": "Mon, ",
    "x-amzn-RequestId": "",
}
_TASK_HEADERS = {
    "Content-Length": "1",
    "Content-Type": "application/x-amz-json-1.1",
    "Date": " GMT",
    "x-amzn-RequestId": "",
}
_VARIABLES = [{"Name": "", "Value": "file:///"}, {"Name": "", "Value": ""}]
_OVERRIDE = {
    "Command": ["python", "-P", "-m", ""],
    "Environment": _VARIABLES,
    "EnvironmentFiles": [],
    "ResourceRequirements": [],
    "Name": "",
}
_OVERRIDES = {"ContainerOverrides": [_OVERRIDE], "InferenceAcceleratorOverrides": []}
_HEAD = {
    "Attachments": [],
    "Attributes": [{"Name": "ecs.cpu-architecture", "Value": "x86_64"}],
    "AvailabilityZone": "us-east-1a",
    "ClusterArn": f"{_BASE}cluster/",
}
_NAMES = {"TaskArn": f"{_BASE}task/", "TaskDefinitionArn": f"{_BASE}task-definition/"}
_TRUNCATED = '"outputDetails":{"truncated":false}}'


def _container(status: str, **more: object) -> dict[str, Any]:
    return {
        "ContainerArn": f"{_BASE}container/",
        "Cpu": "0",
        **more,
        "GpuIds": [],
        "Image": "",
        "LastStatus": status,
        "ManagedAgents": [],
        "Name": "",
        "NetworkBindings": [],
        "NetworkInterfaces": [],
        "TaskArn": f"{_BASE}task/",
    }


def _begun() -> dict[str, Any]:
    task = {
        **_HEAD,
        "Containers": [_container("PENDING")],
        "Cpu": "512",
        "CreatedAt": 1,
        "DesiredStatus": "RUNNING",
        "EnableExecuteCommand": False,
        "EphemeralStorage": {"SizeInGiB": 20},
        "Group": "family:",
        "InferenceAccelerators": [],
        "LastStatus": "PROVISIONING",
        "LaunchType": "FARGATE",
        "Memory": "1024",
        "Overrides": _OVERRIDES,
        "PlatformFamily": "Linux",
        "PlatformVersion": "1.4.0",
        "StartedBy": "AWS Step Functions",
        "Tags": [],
        **_NAMES,
        "Version": 1,
    }
    return {"Failures": [], **_metadata(_TASK_HEADERS), "Tasks": [task]}


def _ended() -> dict[str, Any]:
    times = ("PullStartedAt", "PullStoppedAt", "StartedAt")
    return {
        **_HEAD,
        "Connectivity": "CONNECTED",
        "ConnectivityAt": 1,
        "Containers": [_container("STOPPED", ExitCode=0)],
        "Cpu": "2048",
        "CreatedAt": 1,
        "DesiredStatus": "STOPPED",
        "EnableExecuteCommand": False,
        "EphemeralStorage": {"SizeInGiB": 20},
        "ExecutionStoppedAt": 1,
        "Group": "family:",
        "InferenceAccelerators": [],
        "LastStatus": "STOPPED",
        "LaunchType": "FARGATE",
        "Memory": "8192",
        "Overrides": _OVERRIDES,
        "PlatformVersion": "1.4.0",
        **dict.fromkeys(times, 1),
        "StartedBy": "AWS Step Functions",
        "StopCode": "EssentialContainerExited",
        "StoppedAt": 1,
        "StoppedReason": "Essential container in task exited",
        "StoppingAt": 1,
        "Tags": [],
        **_NAMES,
        "Version": 5,
    }


def _dictionary() -> str:
    function = {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:", "Payload": {}}
    answer = {
        "ExecutedVersion": "$LATEST",
        "Payload": {},
        **_metadata(_FUNCTION_HEADERS),
        "StatusCode": 200,
    }
    network = {"Subnets": [""], "SecurityGroups": [""], "AssignPublicIp": "ENABLED"}
    parameters = {
        "Cluster": f"{_BASE}cluster/",
        "TaskDefinition": f"{_BASE}task-definition/",
        "LaunchType": "FARGATE",
        "PropagateTags": "TASK_DEFINITION",
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        "Overrides": _OVERRIDES,
        "StartedBy": "AWS Step Functions",
    }
    invoke = '{"resourceType":"lambda","resource":"invoke",'
    task = '{"resourceType":"ecs","resource":"runTask.sync",'
    region = '"region":"us-east-1","parameters":"'
    return "".join(
        (
            *(invoke, region, _inside(function), '","timeoutInSeconds":180}'),
            *(invoke, '"output":"', _inside(answer), '",', _TRUNCATED),
            *(task, '"output":"', _inside(_begun()), _inside(_ended()), '",', _TRUNCATED),
            *(task, region, _inside(parameters), '","timeoutInSeconds":1800}'),
            '{"name":"","output":"{}","outputDetails":{"truncated":false},"assignedVariables":{},',
            '"assignedVariablesDetails":{"truncated":false}}',
            '{"name":"","input":"{}","inputDetails":{"truncated":false}}',
        )
    )


DICTIONARY = _dictionary()
"""For new journals. Nothing of any run: it outlives them all."""
