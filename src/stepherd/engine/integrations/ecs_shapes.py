"""ECS tasks in PascalCase, as RunTask answers and as the history shows a stopped one (recorded on AWS)."""

from __future__ import annotations

import platform
import re
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepherd.engine.integrations.ecs import Container, TaskDefinition

__all__ = ["describe_task"]


def describe_task(
    definition: TaskDefinition,
    parameters: Mapping[str, Any],
    handle: Mapping[str, Any],
    codes: Mapping[str, int],
    *,
    stopped: bool,
    reason: str | None = None,
    reasons: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """One task. ``codes`` are the containers' exit codes, ``reason`` why it could not be started, ``reasons``
    why containers ended that did not by themselves."""
    base = definition.arn.split(":task-definition/")[0]
    cluster = str(parameters.get("Cluster") or "default")
    cluster_arn = cluster if cluster.startswith("arn:") else f"{base}:cluster/{cluster}"
    arn = f"{base}:task/{cluster_arn.rsplit('/', 1)[-1]}/{handle['task']}"
    task: dict[str, Any] = {
        "Attachments": [],
        "Attributes": [{"Name": "ecs.cpu-architecture", "Value": platform.machine()}],
        "AvailabilityZone": f"{base.split(':')[3]}a",
        "ClusterArn": cluster_arn,
        "Containers": [
            _container(c, arn, stopped, codes.get(c.name), (reasons or {}).get(c.name))
            for c in definition.containers
        ],
        "Cpu": definition.cpu,
        "CreatedAt": round(handle["created"] * 1000),
        "DesiredStatus": "STOPPED" if stopped else "RUNNING",
        "EnableExecuteCommand": False,
        "EphemeralStorage": {"SizeInGiB": 20},
        "Group": f"family:{definition.family}",
        "InferenceAccelerators": [],
        "LastStatus": "STOPPED" if stopped else "PROVISIONING",
        "LaunchType": parameters.get("LaunchType", "FARGATE"),
        "Memory": definition.memory,
        "Overrides": _overrides(definition, parameters),
        "PlatformVersion": parameters.get("PlatformVersion", "1.4.0"),
        "StartedBy": parameters.get("StartedBy", "AWS Step Functions"),
        "Tags": [],
        "TaskArn": arn,
        "TaskDefinitionArn": definition.arn,
        "Version": 1,
    }
    return dict(sorted({**task, **(_end(task, reason) if stopped else {"PlatformFamily": "Linux"})}.items()))


def _end(task: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    """The fields that only a stopped task has; one that never ran was never pulled, connected or started."""
    now = round(time.time() * 1000)
    end: dict[str, Any] = {"ExecutionStoppedAt": now, "StoppedAt": now, "StoppingAt": now, "Version": 5}
    if reason:
        return {**end, "StopCode": "TaskFailedToStart", "StoppedReason": reason}
    began = dict.fromkeys(
        ("ConnectivityAt", "PullStartedAt", "PullStoppedAt", "StartedAt"), task["CreatedAt"]
    )
    end |= {**began, "Connectivity": "CONNECTED", "StopCode": "EssentialContainerExited"}
    return {**end, "StoppedReason": "Essential container in task exited"}


def _container(
    container: Container, task_arn: str, stopped: bool, code: int | None, reason: str | None
) -> dict[str, Any]:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{task_arn}/{container.name}")
    described: dict[str, Any] = {
        "ContainerArn": re.sub(r":task/", ":container/", task_arn) + f"/{identity}",
        "Cpu": "0",
        "GpuIds": [],
        "Image": container.image,
        "LastStatus": "STOPPED" if stopped else "PENDING",
        "ManagedAgents": [],
        "Name": container.name,
        "NetworkBindings": [],
        "NetworkInterfaces": [],
        "TaskArn": task_arn,
    }
    if code is not None:
        described |= {"ExitCode": code, "RuntimeId": f"{task_arn.rsplit('/', 1)[-1]}-{identity.int % 10**10}"}
    if reason:
        described["Reason"] = reason
    return dict(sorted(described.items()))


def _overrides(definition: TaskDefinition, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides as ECS gives them back: one entry a container, absent lists empty."""
    given = parameters.get("Overrides") or {}
    by_name = {override.get("Name"): override for override in given.get("ContainerOverrides") or []}
    empty: dict[str, list[Any]] = {
        "Command": [],
        "Environment": [],
        "EnvironmentFiles": [],
        "ResourceRequirements": [],
    }
    containers = [{**empty, "Name": c.name, **by_name.get(c.name, {})} for c in definition.containers]
    return {**given, "ContainerOverrides": containers, "InferenceAcceleratorOverrides": []}
