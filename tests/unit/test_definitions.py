"""Every state machine keeps the rules of the house; each rule is proven by a machine that breaks it."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit import definition_rules as rules

ROOT = Path(__file__).parents[2]
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.json"))
FUNCTIONS = ROOT / "functions"
RULES: dict[str, Callable[[Any], Iterator[str]]] = {
    name: getattr(rules, name)
    for name in (
        "tasks_without_bounds",
        "retries_without_measure",
        "catch_alls_out_of_place",
        "catches_that_are_never_reached",
        "states_without_comment",
        "tokens_not_passed",
        "unreachable_states",
        "missing_targets",
        "catches_that_end_well",
        "undefined_variables",
    )
}


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values."""


def _short_form(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node)


_Template.add_multi_constructor("!", _short_form)


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    loaded = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Template)
    found: dict[str, Any] = loaded["Resources"]
    return found


@pytest.fixture(params=MACHINES, ids=lambda path: path.name)
def machine(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def _substitutions(resources: dict[str, Any], machine: Path) -> set[str]:
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if properties.get("DefinitionUri") == f"statemachines/{machine.name}":
            return set(properties["DefinitionSubstitutions"])
    raise AssertionError(f"{machine.name} is in no state machine of template.yaml")


def test_there_is_a_pipeline() -> None:
    assert "pipeline.asl.json" in [path.name for path in MACHINES]


@pytest.mark.parametrize("rule", RULES)
def test_every_machine_keeps_the_rule(machine: Path, rule: str) -> None:
    assert list(RULES[rule](rules.load(machine.read_text()))) == []


def test_every_machine_is_jsonata_and_bounded(machine: Path) -> None:
    definition = rules.load(machine.read_text())
    assert definition["QueryLanguage"] == "JSONata"
    assert definition["TimeoutSeconds"] > 0
    assert definition["Comment"]


def test_every_lambda_state_has_its_folder(machine: Path) -> None:
    assert list(rules.lambda_states_without_folder(rules.load(machine.read_text()), FUNCTIONS)) == []


def test_every_substitution_is_declared_and_used(machine: Path, resources: dict[str, Any]) -> None:
    declared = _substitutions(resources, machine)
    assert list(rules.undeclared_substitutions(machine.read_text(), declared)) == []


def test_every_function_folder_is_a_function_of_the_template(resources: dict[str, Any]) -> None:
    uris = {
        resource["Properties"]["CodeUri"].rstrip("/")
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert uris == {f"functions/{path.parent.name}" for path in FUNCTIONS.glob("*/app.py")}


def test_containers_that_a_machine_overrides_are_in_the_task_definitions(
    machine: Path, resources: dict[str, Any]
) -> None:
    for name, state in rules.states(rules.load(machine.read_text())):
        if state.get("Resource") != "arn:aws:states:::ecs:runTask.sync":
            continue
        definition = re.fullmatch(r"\$\{(\w+)Arn\}", state["Arguments"]["TaskDefinition"])
        assert definition is not None, name
        containers = resources[definition[1]]["Properties"]["ContainerDefinitions"]
        overridden = [override["Name"] for override in state["Arguments"]["Overrides"]["ContainerOverrides"]]
        assert overridden == [container["Name"] for container in containers], name


def test_whatever_acts_on_the_run_folder_after_its_preparation_gets_the_digest_of_the_request() -> None:
    digest, acting = "{% $run.request_digest %}", []
    for name, state in rules.states(rules.load((ROOT / "statemachines/pipeline.asl.json").read_text())):
        for override in state.get("Arguments", {}).get("Overrides", {}).get("ContainerOverrides", []):
            given = {variable["Name"]: variable["Value"] for variable in override["Environment"]}
            assert given["STEPHERD_REQUEST_DIGEST"] == digest, name
            agent = override["Command"][-1] == "agent"
            assert ("STEPHERD_INSTRUCTIONS_DIGEST" in given) == agent, name
            acting.append(name)
        if state.get("Resource") == "arn:aws:states:::lambda:invoke" and name != "PrepareRun":
            assert state["Arguments"]["Payload"]["request_digest"] == digest, name
            acting.append(name)
    assert {"CloneRepository", "RunAgent", "CommitAndPush", "PersistDatabase", "ReportRun"} < set(acting)
    assert len(acting) == 9


def test_agents_alone_take_the_capacity_that_the_stack_chose(
    machine: Path, resources: dict[str, Any]
) -> None:
    """RunTask's launchType must not be given for the cluster's default strategy to count."""
    for name, state in rules.states(rules.load(machine.read_text())):
        if state.get("Resource") == "arn:aws:states:::ecs:runTask.sync":
            given = state["Arguments"].get("LaunchType")
            assert given == (None if "Agent" in state["Arguments"]["TaskDefinition"] else "FARGATE"), name
    cluster = resources["Cluster"]["Properties"]
    (default,) = cluster["DefaultCapacityProviderStrategy"]
    assert default["CapacityProvider"] == "AgentCapacity"
    parameters = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Template)["Parameters"]
    assert parameters["AgentCapacity"]["AllowedValues"] == cluster["CapacityProviders"]


def test_asl_validator_accepts_every_machine(machine: Path, require: Callable[[str], str]) -> None:
    found = ROOT / ".tools/node_modules/.bin/asl-validator"
    program = str(found) if found.exists() else require("asl-validator")
    done = subprocess.run([program, "--json-path", str(machine)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


_GOOD: dict[str, Any] = {
    "Comment": "A machine that keeps every rule.",
    "QueryLanguage": "JSONata",
    "TimeoutSeconds": 60,
    "StartAt": "Work",
    "States": {
        "Work": {
            "Comment": "Does it.",
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "TimeoutSeconds": 10,
            "Arguments": {"MessageBody": {"token": "{% $states.context.Task.Token %}"}},
            "Retry": [{"ErrorEquals": ["A"], "MaxDelaySeconds": 5, "JitterStrategy": "FULL"}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"why": 1}, "Next": "Again"}],
            "Assign": {"done": True},
            "Next": "Done",
        },
        "Again": {
            "Comment": "Only after a redrive.",
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.context.Execution.RedriveCount > $why %}", "Next": "Work"}],
            "Default": "Failed",
        },
        "Failed": {"Comment": "The bad end.", "Type": "Fail", "Error": "Failed"},
        "Done": {"Comment": "The good end.", "Type": "Pass", "Output": "{% $done %}", "End": True},
    },
}


def _broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    machine = copy.deepcopy(_GOOD)
    change(machine["States"])
    return machine


@pytest.mark.parametrize("rule", RULES)
def test_a_good_machine_passes_the_rule(rule: str) -> None:
    assert list(RULES[rule](_GOOD)) == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("tasks_without_bounds", lambda s: s["Work"].pop("TimeoutSeconds")),
        ("tasks_without_bounds", lambda s: s["Work"].pop("Retry")),
        ("tasks_without_bounds", lambda s: s["Work"].update(Catch=[])),
        ("retries_without_measure", lambda s: s["Work"]["Retry"][0].pop("MaxDelaySeconds")),
        ("retries_without_measure", lambda s: s["Work"]["Retry"][0].update(JitterStrategy="NONE")),
        (
            "catch_alls_out_of_place",
            lambda s: s["Work"]["Catch"].append({"ErrorEquals": ["B"], "Next": "Again"}),
        ),
        ("catch_alls_out_of_place", lambda s: s["Work"]["Catch"][0]["ErrorEquals"].append("B")),
        (
            "catches_that_are_never_reached",
            lambda s: s["Work"].update(
                Catch=[{"ErrorEquals": [name], "Next": "Again"} for name in ("States.TaskFailed", "B")]
            ),
        ),
        ("states_without_comment", lambda s: s["Done"].pop("Comment")),
        ("tokens_not_passed", lambda s: s["Work"]["Arguments"].update(MessageBody="hello")),
        ("unreachable_states", lambda s: s.update(Island={"Type": "Succeed", "Comment": "Alone."})),
        ("missing_targets", lambda s: s["Work"].update(Next="Nowhere")),
        ("catches_that_end_well", lambda s: s["Work"]["Catch"][0].update(Next="Done")),
        ("catches_that_end_well", lambda s: s["Again"].update(Default="Done")),
        ("catches_that_end_well", lambda s: s["Again"]["Choices"][0].update(Condition="{% true %}")),
        (
            "catches_that_end_well",
            lambda s: s["Work"]["Catch"][0].update(ErrorEquals=["A"], Next="Done"),
        ),
        ("undefined_variables", lambda s: s["Done"].update(Output="{% $dome %}")),
        ("undefined_variables", lambda s: s["Work"].pop("Assign")),
    ],
)
def test_a_machine_that_breaks_the_rule_is_found(
    rule: str, change: Callable[[dict[str, Any]], object]
) -> None:
    assert list(RULES[rule](_broken(change))) != []


def test_a_catch_of_named_errors_may_lead_back_to_try_again() -> None:
    again = _broken(lambda s: s["Work"]["Catch"].insert(0, {"ErrorEquals": ["Expired"], "Next": "Work"}))
    assert list(rules.catches_that_end_well(again)) == []
    everything = _broken(lambda s: s["Work"]["Catch"][0].update(Next="Work"))
    assert list(rules.catches_that_end_well(everything)) != []


def test_a_day_of_waiting_for_a_login_fits_into_a_history() -> None:
    machine = rules.load((ROOT / "statemachines" / "login.asl.json").read_text())
    rest = 25_000 - rules.most_events_of_waiting(machine)
    asking = 3 * len(machine["States"]) * 5
    assert rest > asking
    assert machine["TimeoutSeconds"] == 86_400


def test_rules_look_into_branches() -> None:
    inner = _broken(lambda s: s["Work"].pop("Retry"))
    parallel = {"Comment": "Both.", "Type": "Parallel", "Branches": [inner], "End": True}
    outer = {"StartAt": "Both", "States": {"Both": parallel}}
    assert list(rules.tasks_without_bounds(outer)) == ["Work has no Retry"]


def test_a_lambda_state_without_its_folder_is_found(tmp_path: Path) -> None:
    arguments = {"FunctionName": "${CheckLoginFunctionArn}"}
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": arguments}
    machine = {"StartAt": "CheckLogin", "States": {"CheckLogin": state}}
    assert list(rules.lambda_states_without_folder(machine, tmp_path)) == [
        "CheckLogin has no functions/check_login/app.py"
    ]


def test_a_substitution_must_be_declared_and_used() -> None:
    assert list(rules.undeclared_substitutions("${A} ${B}", {"B", "C"})) == [
        "${A} is not declared in the template",
        "C is declared but not used",
    ]


@pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": 1, "a": 2}', "[]", "// no\n{}"])
def test_a_definition_must_be_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rules.load(text)


def test_moto_parses_every_machine(machine: Path) -> None:
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto")
    definition = re.sub(r"\$\{\w+\}", "arn:aws:lambda:us-east-1:123456789012:function:x", machine.read_text())
    with moto.mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client(
            "stepfunctions", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        created = client.create_state_machine(
            name="x", definition=definition, roleArn="arn:aws:iam::123456789012:role/x"
        )
        described = client.describe_state_machine(stateMachineArn=created["stateMachineArn"])
    assert json.loads(described["definition"])["StartAt"]
