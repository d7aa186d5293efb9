"""The calls of functions and tasks against the grants of template.yaml, both ways (fault 96)."""

from __future__ import annotations

import pytest
from tests.aws_grants import FUNCTION
from tests.integration.privilege.comparison import forbidden, unused
from tests.integration.privilege.site import Site, deployed
from tests.integration.steps.rig import ROOT

pytestmark = pytest.mark.exhaustive
_TEMPLATE = (ROOT / "template.yaml").read_text()
_AT, _LOGINS = "\n            ", 'Resource: !Sub "${Bucket.Arn}/logins/*"'
_TASKS = ("GitTaskRole", "AgentTaskRole")
_BY_HTTP = ("ApiFunction", "AuthorizeFunction")
"""See test_granted_calls_of_the_api.py."""


def test_every_function_and_task_was_gone_through(site: Site) -> None:
    functions = [name for name, each in site.stack.resources.items() if each["Type"] == FUNCTION]
    assert set(site.calls) == {*functions, *_TASKS} - set(_BY_HTTP)


def test_whatever_is_called_is_granted(site: Site) -> None:
    assert [line for role, calls in site.calls.items() for line in forbidden(site.stack, role, calls)] == []


def test_whatever_is_granted_is_called(site: Site) -> None:
    assert [line for role, calls in site.calls.items() for line in unused(site.stack, role, calls)] == []


@pytest.mark.parametrize(
    ("role", "grant"),
    [
        ("PrepareRunFunction", "s3:PutObject stepherd-bucket/runs/*"),
        ("ReportRunFunction", "s3:DeleteObject stepherd-bucket/runs/*/clone/workspace.tar.zst"),
        ("StartLoginFunction", "sns:ListSubscriptionsByTopic stepherd-login"),
        ("CompleteLoginFunction", "states:SendTaskHeartbeat stateMachine:stepherd-login"),
        ("StopLeftOverFunction", "states:StopExecution execution:stepherd-login:*"),
        ("RequestQueuedFunction", "sqs:DeleteMessage RunQueue"),
        ("GitTaskRole", "secretsmanager:GetSecretValue secret:stepherd/git/*"),
        ("AgentTaskRole", "s3:ListBucket stepherd-bucket s3:prefix=logins/*/data.sqlite3"),
    ],
)
def test_a_grant_less_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch, role: str, grant: str) -> None:
    before = site.stack.grants(role)
    rest = [each for each in before if str(each) != grant]
    assert len(rest) == len(before) - 1, [str(each) for each in before]
    monkeypatch.setattr(site.stack, "grants", lambda _: rest)
    assert forbidden(site.stack, role, site.calls[role])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "Action: ecs:ListTasks\n",
            "Action: ecs:DescribeTasks\n",
            "StopLeftOverFunction: ecs:ListTasks * ",
        ),
        (
            f"{_AT}Action: [s3:GetObject, s3:PutObject]{_AT}{_LOGINS}",
            f"{_AT}Action: [s3:GetObject]{_AT}{_LOGINS}",
            "CheckLoginFunction: s3:PutObject arn:aws:s3:::stepherd-bucket/logins/q/lease.json",
        ),
    ],
)
def test_a_template_that_grants_less_is_red(site: Site, old: str, new: str, says: str) -> None:
    assert old in _TEMPLATE
    poorer = deployed(_TEMPLATE.replace(old, new))
    found = [line for role, calls in site.calls.items() for line in forbidden(poorer, role, calls)]
    assert any(line.startswith(says) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "Action: [ecs:DescribeTasks, ecs:StopTask]",
            "Action: [ecs:DescribeTasks, ecs:StopTask, ecs:RunTask]",
            "StopLeftOverFunction: ecs:RunTask task/Cluster/*",
        ),
        (
            'Resource: !Sub "${Bucket.Arn}/runs/*/agent/database.sqlite3"',
            _LOGINS,
            "GitTaskRole: s3:DeleteObject stepherd-bucket/logins/*",
        ),
    ],
)
def test_a_template_that_grants_more_is_red(site: Site, old: str, new: str, says: str) -> None:
    assert _TEMPLATE.count(old) == 1
    richer = deployed(_TEMPLATE.replace(old, new))
    found = [line for role, calls in site.calls.items() for line in unused(richer, role, calls)]
    assert says in found
