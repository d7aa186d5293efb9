"""The same grants, evaluated by an IAM that is not ours, with every condition; and what agents would try."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from tests.aws_calls import needs_of
from tests.aws_grants import ROOT, Need, Stack
from tests.aws_states import TASK_ID, needs_of_machine
from tests.iam_simulator import Simulator
from tests.integration.privilege.site import BUCKET, Site, deployed

_TEMPLATE = (ROOT / "template.yaml").read_text()
_MACHINES = ("PipelineStateMachine", "LoginStateMachine", "KeepStateMachine")
_AGENT, _GIT = "AgentTaskRole", "GitTaskRole"
_TOKENS = ("states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat")
"""IAM's own data says that these know no resource; AWS evaluates them with the state machine's ARN."""


@cache
def stack(text: str = _TEMPLATE) -> Stack:
    return deployed(text)


@pytest.fixture
def simulator(require: Callable[[str], str]) -> Simulator:
    return Simulator(require)


def _denied(simulator: Simulator, of: Stack, needs: list[tuple[str, Need]]) -> set[str]:
    decisions = simulator.decide(of, needs)
    return {
        f"{role}: {need.action} {need.resource} {decision}"
        for (role, need), decision in decisions.items()
        if decision != "Allowed"
    }


def test_every_state_of_every_machine_may_do_what_its_arguments_ask_for(simulator: Simulator) -> None:
    needs = [need for machine in _MACHINES for need in needs_of_machine(stack(), machine)]
    assert len(needs) > 50
    assert _denied(simulator, stack(), needs) == set()


def test_every_call_of_a_run_a_login_the_inbox_and_the_queue_is_allowed(
    simulator: Simulator, site: Site
) -> None:
    token_of = stack().reference("LoginStateMachine")
    needs = [
        (role, need)
        for role, calls in site.calls.items()
        for call in calls
        for need in needs_of(call, stack().account, token_of)
        if need.action not in _TOKENS
    ]
    assert len(set(needs)) > 50
    assert _denied(simulator, stack(), needs) == set()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Condition: { StringEquals: { ecs:CreateAction: RunTask } }",
         "Condition: { ArnEquals: { ecs:cluster: !GetAtt Cluster.Arn } }", "PipelineRole: ecs:TagResource"),
        ("Action: ecs:TagResource", "Action: ecs:UntagResource", "PipelineRole: ecs:TagResource"),
        ("iam:PassedToService: ecs-tasks.amazonaws.com", "iam:PassedToService: lambda.amazonaws.com",
         "PipelineRole: iam:PassRole"),
        ("rule/StepFunctionsGetEventsForECSTaskRule", "rule/StepFunctionsGetEvents", "events:PutRule"),
    ],
)  # fmt: skip
def test_a_condition_that_denies_is_noticed(simulator: Simulator, old: str, new: str, says: str) -> None:
    assert old in _TEMPLATE
    poorer = stack(_TEMPLATE.replace(old, new))
    found = _denied(simulator, poorer, needs_of_machine(poorer, "PipelineStateMachine"))
    assert any(says in each for each in found), found


def _hostile(of: Stack) -> list[tuple[str, Need]]:
    """Calls that a hostile agent would try with the credentials of its task, or of any other part."""
    account, secret = of.account, "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
    cluster = of.attribute("Cluster", "Arn")
    task = of.reference("AgentTaskDefinition")
    run = {"ecs:cluster": cluster}
    login, pipeline = of.reference("LoginStateMachine"), of.reference("PipelineStateMachine")
    bucket = f"arn:aws:s3:::{BUCKET}"
    return [
        (_AGENT, Need("secretsmanager:GetSecretValue", f"{secret}amazon-q-headless/git-credentials-AbCdEf")),
        (_AGENT, Need("secretsmanager:GetSecretValue", f"{secret}amazon-q-headless/git-other-AbCdEf")),
        (_AGENT, Need("secretsmanager:GetSecretValue", f"{secret}stepherd/git/team-AbCdEf")),
        (_AGENT, Need("secretsmanager:GetSecretValue", f"{secret}other-stack/agents/team-AbCdEf")),
        (_AGENT, Need("kms:Decrypt", f"arn:aws:kms:us-east-1:{account}:key/1")),
        (_GIT, Need("secretsmanager:GetSecretValue", f"{secret}stepherd/agents/team-AbCdEf")),
        (_AGENT, Need("secretsmanager:GetSecretValue", of.reference("ApiKeysSecret"))),
        (_AGENT, Need("secretsmanager:GetSecretValue", f"{secret}somebody/else-AbCdEf")),
        (_AGENT, Need("secretsmanager:PutSecretValue", f"{secret}agents-AbCdEf")),
        (_AGENT, Need("secretsmanager:ListSecrets", "*")),
        (_AGENT, Need("s3:PutObject", f"{bucket}/logins/q/data.sqlite3")),
        (_AGENT, Need("s3:GetObject", f"{bucket}/logins/q/lease.json")),
        (_AGENT, Need("s3:GetObject", f"{bucket}/owners/ada/run_1")),
        (_AGENT, Need("s3:PutObject", f"{bucket}/inbox/a/instructions.md")),
        (_AGENT, Need("s3:PutObject", f"{bucket}/images/source.zip")),
        (_AGENT, Need("s3:DeleteObject", f"{bucket}/runs/run_1/request.json")),
        (_AGENT, Need("s3:PutObject", f"{bucket}/amendments/run_1/1.json")),
        (_GIT, Need("s3:PutObject", f"{bucket}/amendments/run_1/1.json")),
        (_AGENT, Need("s3:GetObject", "arn:aws:s3:::somebody-elses/key")),
        (_AGENT, Need("s3:ListBucket", bucket, {"s3:prefix": "owners/"})),
        (_AGENT, Need("ecs:RunTask", task, run)),
        (_AGENT, Need("iam:PassRole", of.attribute("GitTaskRole", "Arn"))),
        (_AGENT, Need("sts:AssumeRole", of.attribute("GitTaskRole", "Arn"))),
        (_AGENT, Need("states:StartExecution", pipeline)),
        (_AGENT, Need("states:StartExecution", login)),
        (_AGENT, Need("sns:Publish", of.reference("LoginTopic"))),
        (_AGENT, Need("logs:GetLogEvents", f"arn:aws:logs:us-east-1:{account}:log-group:x:log-stream:y")),
        (_GIT, Need("secretsmanager:GetSecretValue", f"{secret}somebody/else-AbCdEf")),
        (_GIT, Need("s3:PutObject", f"{bucket}/images/source.zip")),
        (_GIT, Need("ecs:RunTask", task, run)),
        ("PipelineRole", Need("ecs:RunTask", task, {"ecs:cluster": f"{cluster}-other"})),
        ("PipelineRole", Need("ecs:RunTask", task.replace("stepherd-agent", "other"), run)),
        ("PipelineRole", Need("ecs:StopTask", f"arn:aws:ecs:us-east-1:{account}:task/other/{TASK_ID}")),
        ("PipelineRole", Need("ecs:TagResource", f"arn:aws:ecs:us-east-1:{account}:task/other/{TASK_ID}",
                              {"ecs:CreateAction": "RunTask"})),
        ("PipelineRole", Need("ecs:TagResource", cluster, {"ecs:CreateAction": "CreateCluster"})),
        ("PipelineRole", Need("iam:PassRole", of.attribute("AgentTaskRole", "Arn"),
                              {"iam:PassedToService": "lambda.amazonaws.com"})),
        ("PipelineRole", Need("iam:PassRole", f"arn:aws:iam::{account}:role/Admin",
                              {"iam:PassedToService": "ecs-tasks.amazonaws.com"})),
        ("PrepareRunFunction", Need("s3:GetObject", f"{bucket}/logins/q/data.sqlite3")),
        ("PrepareRunFunction", Need("s3:GetObject", f"{bucket}/owners/ada/run_1")),
        ("StopLeftOverFunction", Need("ecs:ListTasks", "*", {"ecs:cluster": f"{cluster}-other"})),
        ("ImageBuildRole", Need("ecr:PutImage", f"arn:aws:ecr:us-east-1:{account}:repository/other")),
    ]  # fmt: skip


def test_what_a_hostile_agent_would_try_is_denied(simulator: Simulator) -> None:
    decisions = simulator.decide(stack(), _hostile(stack()))
    assert len(decisions) == len(_hostile(stack()))
    assert [
        f"{role}: {need.action} {need.resource} {decision}"
        for (role, need), decision in decisions.items()
        if not decision.endswith("Denied")
    ] == []


def test_a_grant_too_many_is_noticed(simulator: Simulator) -> None:
    old = 'Action: s3:GetObject\n                Resource: !Sub "${Bucket.Arn}/logins/*/data.sqlite3"'
    assert _TEMPLATE.count(old) == 1
    richer = stack(_TEMPLATE.replace(old, old.replace("/logins/*/data.sqlite3", "/logins/*")))
    decisions = simulator.decide(richer, _hostile(richer))
    assert [need.resource.rpartition("/")[2] for (_, need), it in decisions.items() if it == "Allowed"] == [
        "lease.json"
    ]
