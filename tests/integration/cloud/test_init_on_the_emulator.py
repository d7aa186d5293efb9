"""``stepherd init`` against an emulator that is not ours: two stacks side by side, and a key of one's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.aws_grants import Need
from tests.iam_simulator import Simulator
from tests.integration.cloud.emulator import running
from tests.integration.cloud.front import Fronted, fronted
from tests.integration.deploying.conftest import Person

_IMAGES = ("--no-image", "--parameter", "GitImage=h.example/git:1", "--parameter", "AgentImage=h.example/a:1")


@pytest.fixture
def account(require: Callable[[str], str], tmp_path: Path) -> Iterator[Fronted]:
    python = require(str(Path(require("sam")).resolve().with_name("python")))
    scratch = tmp_path / "translations"
    scratch.mkdir()
    with (
        running(require("ministack"), tmp_path / "emulator") as emulator,
        fronted(emulator, python, scratch) as found,
    ):
        yield found


@pytest.fixture
def person(account: Fronted, tmp_path: Path) -> Person:
    return Person(account, tmp_path)  # type: ignore[arg-type]


def _parts(account: Fronted, stack: str) -> dict[str, str]:
    pages = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [item for page in pages for item in page["StackResourceSummaries"]]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}


def _alarms(account: Fronted, parts: dict[str, str]) -> dict[str, Any]:
    """The stack's alarms, by logical id."""
    names = {parts[logical]: logical for logical in parts if logical.endswith("Alarm")}
    found = account.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    return {names[alarm["AlarmName"]]: alarm for alarm in found}


def _unanswered(account: Fronted, function: str) -> None:
    """A code that no one approves: the line that the function would log, and CloudWatch's data from it."""
    found = account.client("lambda").get_function_configuration(FunctionName=function)
    program = "from stepherd.telemetry import count; count('LoginsUnanswered')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, **found["Environment"]["Variables"], "AWS_LAMBDA_FUNCTION_NAME": function},
    )  # fmt: skip
    (line,) = [json.loads(line) for line in done.stdout.splitlines() if '"_aws"' in line]
    for metrics in line["_aws"]["CloudWatchMetrics"]:
        (dimensions,) = metrics["Dimensions"]
        account.client("cloudwatch").put_metric_data(
            Namespace=metrics["Namespace"],
            MetricData=[
                {
                    "MetricName": metric["Name"],
                    "Dimensions": [{"Name": name, "Value": line[name]} for name in dimensions],
                    "Timestamp": datetime.now(UTC),
                    "Value": line[metric["Name"]][0],
                }
                for metric in metrics["Metrics"]
            ],
        )


def _raised(account: Fronted, stack: str) -> set[str]:
    """The stack's alarms whose own metric is over their threshold. The emulator keeps metrics apart by their
    dimensions, but passes over those of alarms: so the alarm's question is asked here."""
    metrics, now = account.client("cloudwatch"), datetime.now(UTC)
    found = set()
    for name, alarm in _alarms(account, _parts(account, stack)).items():
        answer = metrics.get_metric_statistics(
            **{key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions", "Period")},
            Statistics=[alarm["Statistic"]],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
        )  # fmt: skip
        if any(point[alarm["Statistic"]] >= alarm["Threshold"] for point in answer["Datapoints"]):
            found.add(name)
    return found


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_stacks_of_one_region_have_alarms_of_their_own(person: Person, account: Fronted) -> None:
    # GIVEN two stacks of one account and region
    one = person.init("--stack-name", "one", *_IMAGES, "--git-token-file", str(person.token_file))
    two = person.init("--stack-name", "two", "--name", "two", *_IMAGES, "--no-git")
    assert len({one.stdout, two.stdout}) == 2
    parts = {stack: _parts(account, stack) for stack in ("one", "two")}
    assert set(parts["one"]) == set(parts["two"])
    # THEN nothing that AWS names is both's
    shared = {parts["one"][name] for name in parts["one"] if parts["one"][name] == parts["two"][name]}
    assert shared == {"$default"}, "but the stage, which has its name below each API"
    # AND every alarm looks at what is its stack's alone, and tells its stack's topic
    for stack, other in (("one", "two"), ("two", "one")):
        alarms = _alarms(account, parts[stack])
        assert len(alarms) == 6
        for name, alarm in alarms.items():
            theirs = _alarms(account, parts[other])[name]
            assert alarm["Dimensions"], name
            assert alarm["Dimensions"] != theirs["Dimensions"], name
            assert alarm["AlarmActions"] == [parts[stack]["AlarmTopic"]], name
    # WHEN a login of the one is not answered THEN that one's alarm is raised
    _unanswered(account, parts["one"]["CompleteLoginFunction"])
    assert (_raised(account, "one"), _raised(account, "two")) == ({"LoginUnansweredAlarm"}, set())
    # AND WHEN the other is removed THEN the one is as it was
    removed = person.stepherd("destroy", "--force", "--stack-name", "two")
    assert "the stack one uses it, too" in removed.stderr
    assert _parts(account, "one") == parts["one"]
    assert _raised(account, "one") == {"LoginUnansweredAlarm"}
    person.stepherd("destroy", "--force", "--stack-name", "one")
    assert account.client("s3").list_buckets()["Buckets"] == []
    assert account.client("ecs").list_task_definitions()["taskDefinitionArns"] == []


class Deployed:
    """The roles of a stack with the policies that the emulator's IAM has of them, for the simulator."""

    account = "000000000000"

    def __init__(self, account: Fronted, parts: dict[str, str]) -> None:
        self._iam, self._parts = account.client("iam"), parts

    def policy(self, logical: str) -> dict[str, Any]:
        role, found = self._parts[logical], list[Any]()
        for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            found += _statements(document)
        for attached in self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            if not arn.startswith("arn:aws:iam::aws:"):
                version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                version = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
                found += _statements(version["Document"])
        return {"Version": "2012-10-17", "Statement": found}


def _statements(document: Any) -> list[Any]:
    document = json.loads(document) if isinstance(document, str) else document
    found: list[Any] = document["Statement"]
    return found


_READERS = ("GitTaskRole", "AgentTaskRole", "CheckLoginFunctionRole", "StartLoginFunctionRole")


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_secrets_under_a_key_of_one_s_own_are_made_and_can_be_read(
    person: Person, account: Fronted, require: Callable[[str], str]
) -> None:
    simulator, secrets = Simulator(require), account.client("secretsmanager")
    kms = account.client("kms")
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    (person.path / "key").write_text("key-of-the-agent\n")
    words = ("--git-token-file", str(person.token_file), "--agent-key", "claude=file:key")
    person.init("--stack-name", "keyed", *_IMAGES, *words, "--parameter", f"SecretsKeyArn={key}")
    # THEN what init has stored lies under that key
    for name in ("amazon-q-headless/git-credentials", "keyed/agents/keys"):
        assert secrets.describe_secret(SecretId=name)["KmsKeyId"] == key
    # AND the deployed roles may use it to read secrets, through Secrets Manager and for nothing else
    deployed = Deployed(account, _parts(account, "keyed"))
    through = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
    here = "arn:aws:secretsmanager:us-east-1:000000000000:secret:"
    may = [(role, Need("kms:Decrypt", key, through)) for role in _READERS]
    may += [
        (
            "GitTaskRole",
            Need("secretsmanager:GetSecretValue", f"{here}amazon-q-headless/git-credentials-AbCdEf"),
        ),
        ("AgentTaskRole", Need("secretsmanager:GetSecretValue", f"{here}keyed/agents/keys-AbCdEf")),
    ]
    may_not = [
        *[(role, Need("kms:Decrypt", other, through)) for role in _READERS],
        *[(role, Need("kms:Decrypt", key)) for role in _READERS],
        *[
            (role, Need("kms:Decrypt", key, {"kms:ViaService": "s3.us-east-1.amazonaws.com"}))
            for role in _READERS
        ],
        *[(role, Need("kms:Encrypt", key, through)) for role in _READERS],
        ("PrepareRunFunctionRole", Need("kms:Decrypt", key, through)),
        (
            "AgentTaskRole",
            Need("secretsmanager:GetSecretValue", f"{here}amazon-q-headless/git-credentials-AbCdEf"),
        ),
    ]
    decisions = simulator.decide(deployed, [*may, *may_not])  # type: ignore[arg-type]
    assert {pair for pair, decision in decisions.items() if decision == "Allowed"} == set(may)
    # AND WHEN the parameter is taken back THEN the grant goes with it
    person.init("--stack-name", "keyed", *_IMAGES, "--parameter", "SecretsKeyArn=")
    decisions = simulator.decide(Deployed(account, _parts(account, "keyed")), may[: len(_READERS)])  # type: ignore[arg-type]
    assert "Allowed" not in decisions.values()
