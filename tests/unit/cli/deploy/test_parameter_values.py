"""Values of the stack's parameters are refused where CloudFormation would refuse them, and nowhere else."""

from __future__ import annotations

import pytest
from tests.unit.test_parameters import FARGATE, TEMPLATE

from stepherd.cli.deploy.parameter_values import check_rules, check_value
from stepherd.errors import UsageError

PARAMETERS = TEMPLATE["Parameters"]


def test_every_default_is_acceptable() -> None:
    for name, declared in PARAMETERS.items():
        check_value(name, declared, str(declared["Default"]))
    check_rules(TEMPLATE, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Architecture", "arm64"), ("AgentDisk", "20"), ("AgentDisk", "201"), ("AgentDisk", "much"),
        ("LogRetentionDays", "31"), ("RunRetentionDays", ""), ("RunRetentionDays", "3651"),
        ("GitHttpsPort", "0"), ("GitHttpsPort", "nan"), ("SecretsKeyArn", "alias/mine"),
        ("SubnetIds", "subnet-1\n"), ("AgentUser", "root user"), ("DefaultRepo", "x" * 2049),
    ],
)  # fmt: skip
def test_what_cloudformation_refuses_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_value(name, PARAMETERS[name], value)
    assert name in caught.value.message
    assert caught.value.remedy.endswith(".")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("cpu", FARGATE)
def test_cpu_and_memory_are_judged_as_a_pair(cpu: int) -> None:
    accepted = set()
    for memory in range(512, 125_000, 512):
        try:
            check_rules(TEMPLATE, {"AgentCpu": str(cpu), "AgentMemory": str(memory), "OfBefore": "x"})
        except UsageError as error:
            assert f"{cpu} CPU units" in error.message
        else:
            accepted.add(memory)
    assert accepted == FARGATE[cpu]


@pytest.mark.parametrize(
    "values",
    [{"SubnetIds": "subnet-1"}, {"StoreUri": "file:///x"}, {"RequestSecrets": "ANY"}, {"GitSshPort": "443"}],
)
def test_other_rules_of_the_template_hold_too(values: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        check_rules(TEMPLATE, values)
