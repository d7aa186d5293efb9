"""Whose images the tasks run, and for which processors everything is."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from tests.aws_grants import ROOT, Stack

from stepherd.backends.home.engines import parameters_of
from stepherd.errors import ConfigurationError
from stepherd.runs.prepare import check_images
from stepherd.services.template_text import read_template

TEMPLATE = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
TASKS = ("GitTaskDefinition", "AgentTaskDefinition")


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, parameters, {"Bucket": "bucket"})


def images(of: Stack) -> list[str]:
    definitions = [of.value(TEMPLATE["Resources"][name]["Properties"]) for name in TASKS]
    return [container["Image"] for each in definitions for container in each["ContainerDefinitions"]]


def test_without_images_the_tasks_name_the_stack_s_own_repository_and_no_run_begins() -> None:
    own = stack().value({"Fn::GetAtt": ["ImageRepository", "RepositoryUri"]})
    assert images(stack()) == [f"{own}:git-none", f"{own}:agent-none"]
    for given in ({}, {"GitImage": "h.example/git:1"}, {"AgentImage": "h.example/agent:1"}):
        function = stack(**given).value(TEMPLATE["Resources"]["PrepareRunFunction"]["Properties"])
        with pytest.raises(ConfigurationError, match="stepherd init"):
            check_images(function["Environment"]["Variables"]["STEPHERD_IMAGES"])


def test_a_second_build_waits_for_the_first() -> None:
    """With a limit of the project's own CodeBuild would refuse it; above the account's it is queued."""
    project = TEMPLATE["Resources"]["ImageBuild"]["Properties"]
    assert "ConcurrentBuildLimit" not in project
    assert project["QueuedTimeoutInMinutes"] >= project["TimeoutInMinutes"]


def test_with_both_images_runs_begin() -> None:
    whole = stack(GitImage="h.example/git:1", AgentImage="h.example/agent:1")
    assert images(whole) == ["h.example/git:1", "h.example/agent:1"]
    function = whole.value(TEMPLATE["Resources"]["PrepareRunFunction"]["Properties"])
    check_images(function["Environment"]["Variables"]["STEPHERD_IMAGES"])


def test_on_a_laptop_images_are_of_this_machine_and_under_the_names_that_the_build_gives(
    tmp_path: Any,
) -> None:
    found = images(stack(**parameters_of(tmp_path)))
    assert found == ["localhost/stepherd/git:latest", "localhost/stepherd/agent:latest"]
    assert '--tag "localhost/stepherd/$target:$tag"' in (ROOT / "container" / "build.sh").read_text()


@pytest.mark.parametrize(("name", "function", "build"), [("ARM64", "arm64", "ARM_CONTAINER"),
    ("X86_64", "x86_64", "LINUX_CONTAINER")])  # fmt: skip
def test_everything_is_for_the_same_processors(name: str, function: str, build: str) -> None:
    of = stack(Architecture=name)
    assert of.value(TEMPLATE["Globals"]["Function"]["Architectures"]) == [function]
    layer = of.value(TEMPLATE["Resources"]["SharedLayer"]["Properties"])
    assert layer["CompatibleArchitectures"] == [function]
    for task in TASKS:
        definition = of.value(TEMPLATE["Resources"][task]["Properties"])
        assert definition["RuntimePlatform"]["CpuArchitecture"] == name
    environment = of.value(TEMPLATE["Resources"]["ImageBuild"]["Properties"]["Environment"])
    assert environment["Type"] == build
    assert ("aarch64" in environment["Image"]) == (name == "ARM64")
    assert not [
        each for each in TEMPLATE["Resources"].values() if "Architectures" in each.get("Properties", {})
    ]


@pytest.mark.parametrize(("name", "platform"), [("ARM64", "aarch64"), ("X86_64", "x86_64"), ("", "aarch64")])
def test_the_layer_is_for_the_processors_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, name: str, platform: str
) -> None:
    monkeypatch.setenv("LAMBDA_ARCHITECTURE", name)
    if not name:
        monkeypatch.delenv("LAMBDA_ARCHITECTURE")
    spec = importlib.util.spec_from_file_location("layer_build", ROOT / "layer" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert f"manylinux2014_{platform}" in module.LAMBDA
