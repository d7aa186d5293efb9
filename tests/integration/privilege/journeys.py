"""What the functions and tasks are asked to do in an account, so that each way through them is gone once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from tests.inbox_bench import sample
from tests.integration.privilege.site import BUCKET, PARAMETERS, Site
from tests.integration.steps.rig import git

from stepherd.errors import StepherdError

__all__ = ["a_login", "a_run", "an_inbox", "failures", "left_overs"]

START = "2026-11-21T10:00:00.000Z"
GIT, AGENT = "GitTaskRole", "AgentTaskRole"


def an_inbox(site: Site) -> None:
    """Instructions that start a run, and some that cannot."""
    for name, body in (("good", "---\nrepo: https://h.example/r.git\ncommand: make\n---\n# Do\n"), ("bad", "x")):
        key = f"inbox/{name}/instructions.md"
        event = sample("instructions_dropped")
        event["detail"]["bucket"]["name"] = BUCKET
        event["detail"]["object"] = {"key": key, "etag": site.put(key, body), "sequencer": "65AB2C8E1F0A00"}
        site.invoke("InstructionsDroppedFunction", event)
    site.put("inbox/good/run.yaml", "base: main\n")


def a_run(site: Site, database: str) -> None:
    """From its request to its report; the agent fails first, and is redriven."""
    run_id = "run_1"
    site.put("inbox/a/instructions.md", "# Do\n")
    luck = site.root / "luck"
    script = site.root / "agent.sh"
    script.write_text(f"mkdir -p $HOME/.tester/sessions; echo s > $HOME/.tester/sessions/log; echo x > new; test -e {luck}\n")
    request = {
        "instructions": f"s3://{BUCKET}/inbox/a/", "repo": "https://h.example/r.git", "reply_to": "inbox/a",
        "agent": "tester", "command": f"sh {script}",
    }  # fmt: skip
    site.patch.setenv("Q_DATABASE_S3_URI", database)
    facts = site.invoke("PrepareRunFunction", {"run_id": run_id, "request": request})
    login = {"STEPHERD_LOGIN": facts["login"]["database"]}
    _take_the_repository_from_disk(site, run_id)
    assert site.step(GIT, "clone", run_id) == 0
    assert site.step(AGENT, "agent", run_id, STEPHERD_ATTEMPT="0.0", **login) == 1
    luck.touch()
    assert site.step(AGENT, "agent", run_id, STEPHERD_ATTEMPT="1.0", **login) == 0
    assert site.step(GIT, "push", run_id) == 0
    assert site.step(GIT, "persist", run_id, **login) == 0
    assert site.step(GIT, "persist", run_id, **login) == 0
    report = {"run_id": run_id, "started": START}
    assert site.invoke("ReportRunFunction", report)["status"] == "succeeded"


def _take_the_repository_from_disk(site: Site, run_id: str) -> None:
    work = site.root / "work"
    if not work.exists():
        work.mkdir()
        git(work, "init", "-q")
        (work / "README.md").write_text("hello\n")
        git(work, "add", ".")
        git(work, "commit", "-qm", "base")
    remote = site.root / "remote.git"
    subprocess.run(["rm", "-rf", str(remote)], check=True)
    git(site.root, "clone", "-q", "--bare", str(work), str(remote))
    key = f"runs/{run_id}/request.json"
    fields = json.loads(site.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    site.put(key, json.dumps({**fields, "repo": remote.as_uri()}))


def failures(site: Site) -> None:
    """A run that cannot be prepared, its report, and the state that a redriven one goes on with."""
    request = {"instructions": f"s3://{BUCKET}/nothing", "repo": "https://h.example/r", "reply_to": "inbox/b"}
    with pytest.raises(StepherdError):
        site.invoke("PrepareRunFunction", {"run_id": "run_2", "request": request})
    failure = {"state": "PrepareRun", "error": "InvalidRequest", "cause": "{}", "redrives": 0}
    event = {"run_id": "run_2", "started": START, "failure": failure, "redriven": False}
    with pytest.raises(StepherdError, match="PrepareRun failed"):
        site.invoke("ReportFailureFunction", event)
    site.invoke("ReportFailureFunction", {**event, "redriven": True})


def left_overs(site: Site) -> None:
    """A run that was stopped while a task and a login of it went on."""
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.create_cluster(clusterName="Cluster")
    ecs.register_task_definition(
        family="git", containerDefinitions=[{"name": "git", "image": "i", "memory": 512, "essential": True}]
    )
    folder = {"name": "STEPHERD_RUN_FOLDER", "value": f"s3://{BUCKET}/runs/run_3"}
    ecs.run_task(
        cluster="Cluster",
        taskDefinition="git",
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]]}
        },
        overrides={"containerOverrides": [{"name": "git", "environment": [folder]}]},
    )
    event = sample("stop_left_over")
    given = {"instructions": f"s3://{BUCKET}/inbox/c/", "reply_to": "inbox/c"}
    running = {"run_id": "run_3", "status": "RUNNING", "started": START}
    for known in (None, running):
        if known is not None:
            site.put("inbox/c/status.json", json.dumps(known))
        arn = site.execution("PipelineStateMachine", "run_3")
        event["detail"].update(executionArn=arn, name="run_3", status="ABORTED", input=json.dumps(given))
        site.invoke("StopLeftOverFunction", event)


def a_login(site: Site, database: str) -> None:
    """Asked for, approved, checked, renewed and held by others; declined; found damaged and replaced."""
    wanted = _wanted(site, "run_4", database)
    check = {"run_id": "run_4", "wanted": wanted, "waits_for": "nobody"}
    assert site.invoke("CheckLoginFunction", check)["status"] == "needed"
    _approve(site, wanted)
    assert site.invoke("CheckLoginFunction", check)["status"] == "valid"
    site.running = True
    other = _wanted(site, "run_5", database)
    held = site.invoke("CheckLoginFunction", {**check, "run_id": "run_5", "wanted": other})
    assert held["status"] == "held"
    site.running = False
    # A person has the lease, and then the run again.
    person = {**other, "run_id": "", "folder": "", "holder": other["execution"], "force": True}
    assert site.invoke("CheckLoginFunction", {**check, "wanted": person})["status"] == "needed"
    site.provider.approves_at_once = False
    asked = site.invoke("StartLoginFunction", {"run_id": "run_5", "wanted": person})
    site.provider.decline()
    site.invoke("CompleteLoginFunction", _notice(asked, person))
    site.provider.approves_at_once = True
    key = _key(database)
    site.s3.put_object(**key, Body=b"not a database" * 100)
    assert site.invoke("CheckLoginFunction", check)["status"] == "needed"
    _approve(site, {**wanted, "execution": f"{wanted['execution']}-2"})


def _approve(site: Site, wanted: Mapping[str, Any]) -> None:
    asked = site.invoke("StartLoginFunction", {"run_id": wanted["run_id"], "wanted": wanted})
    assert "not known" not in asked["text"]
    site.invoke("CompleteLoginFunction", _notice(asked, wanted))


def _notice(asked: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    message = {"run_id": wanted["run_id"], "task_token": "t", "attempt": asked["attempt"], "code": asked["code"]}
    return {"Records": [{"Sns": {"Message": json.dumps({**message, "wanted": wanted})}}]}


def _wanted(site: Site, run_id: str, database: str) -> dict[str, Any]:
    where = "q" if database == PARAMETERS["LoginDatabaseUri"] else "default"
    return {
        "agent": "q",
        "run_id": run_id,
        "folder": f"s3://{BUCKET}/runs/{run_id}",
        "reference": database,
        "execution": site.execution("LoginStateMachine", f"of-{run_id}-{where}"),
        "holder": site.execution("PipelineStateMachine", run_id),
        "redrives": 0,
    }


def _key(database: str) -> dict[str, str]:
    bucket, _, key = (database or f"s3://{BUCKET}/logins/q/data.sqlite3").removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
