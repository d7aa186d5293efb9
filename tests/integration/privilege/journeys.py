"""Journeys through the functions and tasks in an account, so that each way through them is gone once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.aws_calls import Call
from tests.inbox_bench import sample
from tests.integration.privilege.site import BUCKET, LEFT_OVER, PARAMETERS, Site
from tests.integration.steps.rig import git

from stepherd.errors import StepherdError
from stepherd.logins.database import write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.opening import open_location
from stepherd.runs.result import Result

__all__ = [
    "a_keeping",
    "a_login",
    "a_login_elsewhere",
    "a_queue",
    "a_run",
    "an_amendment",
    "an_inbox",
    "failures",
    "left_overs",
]

START = "2026-11-21T10:00:00.000Z"
GIT, AGENT = "GitTaskRole", "AgentTaskRole"


def an_inbox(site: Site) -> None:
    """Instructions that start a run, and some that cannot."""
    for name, body in (
        ("good", "---\nrepo: https://h.example/r.git\ncommand: make\n---\n# Do\n"),
        ("bad", "x"),
    ):
        key = f"inbox/{name}/instructions.md"
        event = sample("instructions_dropped")
        event["detail"]["bucket"]["name"] = BUCKET
        event["detail"]["object"] = {"key": key, "etag": site.put(key, body), "sequencer": "65AB2C8E1F0A00"}
        site.invoke("InstructionsDroppedFunction", event)
    site.put("inbox/good/run.yaml", "base: main\n")


def a_queue(site: Site) -> None:
    """A message with its instructions."""
    role = "RequestQueuedFunction"
    assert site.invoke(role, sample("request_queued")) == {"batchItemFailures": []}
    # Lambda's own calls with the function's role to read a queue for it (its developer guide, "Configuring
    # Amazon SQS event sources"): only where an event source mapping asks it to.
    for mapping in site.stack.resources.values():
        if mapping["Type"] == "AWS::Lambda::EventSourceMapping":
            given = site.stack.value(mapping["Properties"])
            assert given["FunctionName"] == role
            source = {"EventSourceArn": given["EventSourceArn"]}
            names = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
            site.calls[role] += [Call("sqs", name, source) for name in names]


def a_run(site: Site) -> None:
    """From its request to its report; the agent fails first, and is redriven.

    Each of the agent's and of persist's two attempts works with the login at another of its places.
    """
    run_id, luck, script = "run_1", site.root / "luck", site.root / "agent.sh"
    site.put("inbox/a/instructions.md", "# Do\n")
    script.write_text(_SCRIPT.format(luck=luck))
    request = {
        "instructions": f"s3://{BUCKET}/inbox/a/", "repo": "https://h.example/r.git", "reply_to": "inbox/a",
        "agent": "tester", "command": f"sh {script}",
    }  # fmt: skip
    facts = site.invoke("PrepareRunFunction", {"run_id": run_id, "request": request})
    own, other = facts["login"]["database"], PARAMETERS["LoginDatabaseUri"]
    _take_the_repository_from_disk(site, run_id)
    # The secrets that a request may name, and then those of the stack.
    _change(site, run_id, git_credentials="stepherd/git/team", agent_credentials="stepherd/agents/team")
    assert site.step(GIT, "clone", run_id) == 0
    assert site.step(AGENT, "agent", run_id, STEPHERD_ATTEMPT="0.0", STEPHERD_LOGIN=other) == 1
    _change(site, run_id, agent_credentials="amazon-q-headless/agent-team")
    assert site.step(AGENT, "agent", run_id, STEPHERD_ATTEMPT="1.0", STEPHERD_LOGIN=other) == 1
    _change(site, run_id, git_credentials=None, agent_credentials=None)
    luck.touch()
    assert site.step(AGENT, "agent", run_id, STEPHERD_ATTEMPT="2.0", STEPHERD_LOGIN=own) == 0
    assert site.step(GIT, "push", run_id) == 0
    for place in (own, other):
        _leave_a_renewed_login(site, run_id, place)
        assert site.step(GIT, "persist", run_id, STEPHERD_LOGIN=place) == 0
    report = {"run_id": run_id, "started": START}
    assert site.invoke("ReportRunFunction", report)["status"] == "succeeded"
    # Somebody has tidied up the inbox, and lifecycle rules the run.
    site.remove("inbox/a/status.json", f"runs/{run_id}/persist/result.json")
    assert site.invoke("ReportRunFunction", report)["status"] == "succeeded"


_SCRIPT = """
mkdir -p $HOME/.tester/sessions
echo session > $HOME/.tester/sessions/log
echo work > new
test -e {luck}
"""


def _leave_a_renewed_login(site: Site, run_id: str, reference: str) -> None:
    stored = open_location(login_kind("q"), reference).load()
    assert stored is not None
    token = stored.login.token
    assert token is not None
    later = replace(token, access_token="renewed", expires_at=token.expires_at + timedelta(hours=3))
    path = site.root / "left.sqlite3"
    path.unlink(missing_ok=True)
    write_login(path, replace(stored.login, token=later))
    site.s3.put_object(Bucket=BUCKET, Key=f"runs/{run_id}/agent/database.sqlite3", Body=path.read_bytes())


def _take_the_repository_from_disk(site: Site, run_id: str) -> None:
    work, remote = site.root / "work", site.root / "remote.git"
    work.mkdir()
    git(work, "init", "-q")
    (work / "README.md").write_text("hello\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "base")
    git(site.root, "clone", "-q", "--bare", str(work), str(remote))
    _change(site, run_id, repo=remote.as_uri())


def _change(site: Site, run_id: str, **fields: str | None) -> None:
    key = f"runs/{run_id}/request.json"
    had = json.loads(site.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    site.put(key, json.dumps({**had, **fields}))


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
    site.remove("inbox/b/status.json")
    site.invoke("ReportFailureFunction", {**event, "redriven": True})


def an_amendment(site: Site) -> None:
    """A failed run, and a stopped one, that get more time."""
    request = {
        "instructions": f"s3://{BUCKET}/inbox/a/", "repo": "https://h.example/r.git", "command": "make",
    }  # fmt: skip
    site.put("inbox/a/instructions.md", "# Do\n")
    run = site.invoke("PrepareRunFunction", {"run_id": "run_7", "request": request})
    site.put("amendments/run_7/1.json", json.dumps({"timeout_seconds": 77}))
    asked = {"run_id": "run_7", "run": run, "redrives": 1}
    failure = {"state": "RunAgent", "error": "e", "cause": "", "redrives": 0}
    event = {**asked, "started": START, "failure": failure, "redriven": True}
    answers = [site.invoke("AmendRunFunction", asked), site.invoke("ReportFailureFunction", event)]
    for amended in (answer["run"] for answer in answers):
        assert amended["timeout_seconds"] == 77
        assert amended["request_digest"] != run["request_digest"]
    assert site.invoke("ReportFailureFunction", {**event, "redrives": 2})["run"] == run
    # Its next redrive has none, and reads what this one has written.
    site.put("amendments/run_7/3.json", json.dumps({"branch": "other"}))
    for number in (2, 3):
        again = {**asked, "run": answers[0]["run"], "redrives": number}
        assert site.invoke("AmendRunFunction", again)["run"]["timeout_seconds"] == 77


def left_overs(site: Site) -> None:
    """A run that was stopped while a task and a login of it went on."""
    event = sample("stop_left_over")
    given = {"instructions": f"s3://{BUCKET}/inbox/c/", "reply_to": "inbox/c"}
    running = {"run_id": LEFT_OVER, "status": "RUNNING", "started": START}
    for known in (None, running):
        if known is not None:
            site.put("inbox/c/status.json", json.dumps(known))
        arn = site.execution("PipelineStateMachine", LEFT_OVER)
        event["detail"].update(executionArn=arn, name=LEFT_OVER, status="ABORTED", input=json.dumps(given))
        site.invoke("StopLeftOverFunction", event)


def a_keeping(site: Site) -> None:
    """The leftovers of that run are looked at, and reported."""
    arn = site.execution("PipelineStateMachine", LEFT_OVER)
    request = {"run_id": LEFT_OVER, "instructions": "i", "repo": "https://h.example/r"}
    site.put(f"runs/{LEFT_OVER}/request.json", json.dumps(request))
    for name in ("prepare", "agent"):
        facts = {"reply_to": "inbox/c", "bundle": "agent/attempts/1/changes.bundle"}
        result = Result(name, "0.0", 1, "failed", START, START, None, facts)
        site.put(f"runs/{LEFT_OVER}/{name}/result.json", json.dumps(result.to_json()))
    asked = {"run_id": LEFT_OVER, "execution": arn}
    left = site.invoke("AwaitTasksFunction", asked)
    assert (left["tasks"], left["redriven"], left["push"], left["persist"]) == (2, False, True, False)
    failure = {"error": "ABORTED", "cause": "enough"}
    event = {**asked, "started": START, "failure": failure, "request_digest": ""}
    assert site.invoke("ReportStoppedFunction", event)["status"] == "failed"
    site.remove("inbox/c/status.json")
    assert site.invoke("ReportStoppedFunction", event)["status"] == "failed"


def a_login_elsewhere(site: Site) -> None:
    """A login whose database is not in the stack's own bucket."""
    wanted = _wanted(site, "run_6", PARAMETERS["LoginDatabaseUri"])
    check = {"run_id": "run_6", "wanted": wanted, "waits_for": "nobody"}
    assert site.invoke("CheckLoginFunction", check)["status"] == "needed"
    _approve(site, wanted)
    assert site.invoke("CheckLoginFunction", check)["status"] == "valid"


def a_login(site: Site) -> None:
    """Asked for, approved, checked and held by another; declined; found damaged and replaced."""
    wanted, other = _wanted(site, "run_4"), _wanted(site, "run_5")
    check = {"run_id": "run_4", "wanted": wanted, "waits_for": "nobody"}
    assert site.invoke("CheckLoginFunction", check)["status"] == "needed"
    _approve(site, wanted)
    assert site.invoke("CheckLoginFunction", check)["status"] == "valid"
    site.running = True
    assert site.invoke("CheckLoginFunction", {**check, "wanted": other})["status"] == "held"
    site.running = False
    # A person has the lease, and then the run again.
    person = {**other, "run_id": "", "folder": "", "holder": other["execution"], "force": True}
    assert site.invoke("CheckLoginFunction", {**check, "wanted": person})["status"] == "needed"
    site.provider.approves_at_once = False
    asked = site.invoke("StartLoginFunction", {"run_id": "run_5", "wanted": person})
    site.provider.decline()
    site.invoke("CompleteLoginFunction", _notice(asked, person))
    site.provider.approves_at_once = True
    site.put("logins/q/data.sqlite3", "not a database" * 100)
    assert site.invoke("CheckLoginFunction", check)["status"] == "needed"
    _approve(site, {**wanted, "execution": f"{wanted['execution']}-2"})


def _approve(site: Site, wanted: Mapping[str, Any]) -> None:
    asked = site.invoke("StartLoginFunction", {"run_id": wanted["run_id"], "wanted": wanted})
    assert "not known" not in asked["text"]
    site.remove(f"runs/{wanted['run_id']}/events.jsonl")
    site.invoke("CompleteLoginFunction", _notice(asked, wanted))


def _notice(asked: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    message = {
        "run_id": wanted["run_id"],
        "task_token": "t",
        "attempt": asked["attempt"],
        "code": asked["code"],
    }
    return {"Records": [{"Sns": {"Message": json.dumps({**message, "wanted": wanted})}}]}


def _wanted(site: Site, run_id: str, database: str = "") -> dict[str, Any]:
    return {
        "agent": "q",
        "run_id": run_id,
        "folder": f"s3://{BUCKET}/runs/{run_id}",
        "reference": database,
        "execution": site.execution("LoginStateMachine", f"of-{run_id}"),
        "holder": site.execution("PipelineStateMachine", run_id),
        "redrives": 0,
    }
