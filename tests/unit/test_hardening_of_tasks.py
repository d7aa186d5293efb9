"""A task's rights over its machine, its image and the network: as the template and the build say it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.aws_grants import ROOT, Stack

from stepherd.services.template_text import read_template

TEMPLATE = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
CONTAINER = ROOT / "container"


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, parameters, {"Bucket": "bucket"})


@pytest.mark.parametrize("name", ["GitTaskDefinition", "AgentTaskDefinition"])
def test_the_root_of_a_task_is_read_only_and_it_writes_to_a_volume_of_the_image(
    name: str,
) -> None:
    definition = stack().value(TEMPLATE["Resources"][name]["Properties"])
    for container in definition["ContainerDefinitions"]:
        assert container["ReadonlyRootFilesystem"] is True
        assert [mount["ContainerPath"] for mount in container["MountPoints"]] == ["/tmp"]
        assert {mount["SourceVolume"] for mount in container["MountPoints"]} == {
            volume["Name"] for volume in definition["Volumes"]
        }
    targets = (CONTAINER / "Dockerfile").read_text().split("\nFROM ")[-2:]
    assert [text.count('VOLUME ["/tmp"]') for text in targets] == [1, 1]
    # Not before the last RUN: a builder may put another folder over it.
    assert all(text.index("VOLUME") > text.rindex("\nRUN ") for text in targets)


def test_no_program_of_the_image_is_setuid_and_the_build_looks() -> None:
    assert "-perm /6000 -exec chmod a-s" in (CONTAINER / "install.sh").read_text()
    assert "find / -xdev -type f -perm /6000" in (CONTAINER / "check-image.sh").read_text()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_what_the_image_s_entry_point_starts_cannot_gain_rights(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "stepherd.container", "sh", "-c", "cat /proc/self/status; echo HOME=$HOME"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path / "absent"),
             "TMPDIR": str(tmp_path)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = dict(line.split(":\t") for line in shown.stdout.splitlines() if ":\t" in line)
    assert lines["NoNewPrivs"] == "1"
    # AND it has a home that it can write to
    assert f"HOME={tmp_path}" in shown.stdout


def _let_out(of: Stack) -> list[tuple[int, int]]:
    rules = of.value(TEMPLATE["Resources"]["TaskSecurityGroup"]["Properties"]["SecurityGroupEgress"])
    assert all(rule["Description"] for rule in rules)
    return [(int(rule["FromPort"]), int(rule["ToPort"])) for rule in rules]


@pytest.mark.parametrize(
    ("parameters", "ports"),
    [
        ({}, [443, 22]),
        ({"GitHttpsPort": "8443"}, [443, 8443, 22]),
        ({"GitSshPort": "7999"}, [443, 7999]),
        ({"GitHttpsPort": "8443", "GitSshPort": "7999"}, [443, 8443, 7999]),
        ({"GitSshPort": "443", "GitHttpsPort": "8443"}, [443, 8443]),
    ],
)
def test_tasks_reach_the_git_host_by_its_ports_and_no_others(parameters: Any, ports: list[int]) -> None:
    assert _let_out(stack(**parameters)) == [(port, port) for port in ports]


def test_a_stack_with_images_can_be_deleted_by_cloudformation_alone() -> None:
    assert TEMPLATE["Resources"]["ImageRepository"]["Properties"]["EmptyOnDelete"] is True


def test_log_groups_to_which_a_service_delivers_are_below_the_prefix_that_needs_no_policy_each() -> None:
    destinations = [
        each["Properties"]["Logging"]["Destinations"] for each in TEMPLATE["Resources"].values()
        if each["Type"] == "AWS::Serverless::StateMachine"
    ]  # fmt: skip
    destinations.append(TEMPLATE["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"])
    groups = re.findall(r"'Fn::GetAtt': \['(\w+)', 'Arn'\]", str(destinations))
    assert len(groups) == 4
    delivered = [stack().value(TEMPLATE["Resources"][name]["Properties"]["LogGroupName"]) for name in groups]
    assert [name for name in delivered if not name.startswith("/aws/vendedlogs/")] == []
