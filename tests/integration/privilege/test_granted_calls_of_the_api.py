"""The same of the HTTP API and its authorizer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from tests.aws_calls import Call, needs_of, recording
from tests.aws_grants import REGION, Stack
from tests.iam_simulator import Simulator
from tests.integration.api.fixtures import Api
from tests.integration.api.test_logs import OLD, Runs, read_pages
from tests.integration.privilege.comparison import forbidden, unused
from tests.integration.steps.rig import ROOT

from stepherd.api.service import Service
from stepherd.services.aws.log_streams import LogStreams
from stepherd.services.step_functions import executions as step_functions
from stepherd.services.template_text import read_template

API, AUTHORIZER = "ApiFunction", "AuthorizeFunction"
ACCOUNT = "000000000000"
NAMES = {
    "Bucket": "bucket",
    "TaskLogGroup": "tasks",
    "ApiKeysSecret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:stack-keys-AbCdEf",
}


@pytest.fixture(autouse=True)
def as_on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever answers is called by boto3, whose calls are what is looked at."""
    monkeypatch.setattr(step_functions, "is_engine", lambda _url: False)


@pytest.fixture
def calls(on_s3: Api) -> dict[str, list[Call]]:
    """The calls of AWS that a caller's day leads to."""
    found: dict[str, list[Call]] = defaultdict(list)
    on_s3.gateway.api = _recorded(on_s3.gateway.api, found[API])
    on_s3.gateway.authorizer = _recorded(on_s3.gateway.authorizer, found[AUTHORIZER])
    _a_day(on_s3)
    boto3.client("logs").create_log_stream(logGroupName="tasks", logStreamName="git/git/t0")
    with recording(found[API]):
        read_pages(Service(on_s3.store, Runs(1, OLD), LogStreams.open("tasks")), 10)  # type: ignore[arg-type]
    return found


def _recorded(handler: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with recording(calls):
            return handler(*arguments)

    return call


def _a_day(api: Api) -> None:
    key, admin = api.key(), api.key("root", "admin")
    api.store.put("instructions/told.md", b"# Do it\n")
    told = api.run(instructions="s3://bucket/instructions/told.md")
    api.call("POST", "/executions", key, body=told, idempotency_key="k").ok(202)
    run_id = api.call("POST", "/executions", key, body=told, idempotency_key="k").ok(202)["run_id"]
    api.call("POST", "/executions", key, body=api.run("fail")).ok(202)
    run: dict[str, Any] = {"repo": "https://github.com/owner/name", "command": "true"}
    api.call("POST", "/executions", key, body={"instructions": "# Do\n", "run": run}).ok(202)
    refused = {"instructions": "---\nagent: nobody\n---\n# Do\n", "run": {"repo": run["repo"]}}
    assert api.call("POST", "/executions", key, body=refused).status == 400
    api.machine.ended(run_id)
    for each in (key, admin):
        api.call("GET", "/executions?agent=q", each).ok()
        api.call("GET", f"/executions/{run_id}", each).ok()
    api.call("GET", f"/executions/{run_id}/logs", key).ok()
    failed = api.start(key, "fail")
    api.machine.ended(failed)
    api.call("POST", f"/executions/{failed}/redrive", key).ok(202)
    waiting = api.start(key, "wait")
    api.call("POST", f"/executions/{waiting}/stop", key).ok(202)
    api.call("POST", f"/executions/{waiting}/redrive", key).ok(202)


def test_whatever_the_api_calls_is_granted_and_nothing_else(
    calls: dict[str, list[Call]], require: Callable[[str], str]
) -> None:
    template = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
    stack = Stack(template, {}, NAMES, ACCOUNT)
    for role in (API, AUTHORIZER):
        assert calls[role]
        assert forbidden(stack, role, calls[role]) == []
        assert unused(stack, role, calls[role]) == []
    asked = [(role, need) for role in calls for call in calls[role] for need in needs_of(call, ACCOUNT, "")]
    decisions = Simulator(require).decide(stack, asked)
    assert [pair for pair, decision in decisions.items() if decision != "Allowed"] == []
