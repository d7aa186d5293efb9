"""The functions behind the triggers, with S3, ECS and Step Functions as moto serves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.inbox_bench import BUCKET, HEAD, ROOT, Context, InboxBench, load_handler, notification, sample

from stepherd.runs.reply import reply_running
from stepherd.services.store.opening import open_store

REPO = "https://github.com/owner/name.git"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch, DEFAULT_AGENT="apply") as opened:
        yield opened


@pytest.mark.parametrize("wired", ["EventBridge", "notification"])
def test_a_folder_starts_a_run_when_its_instructions_arrive(bench: InboxBench, wired: str) -> None:
    bench.deliver(bench.put("inbox/a b+c%20ü/picture.svg", "<svg/>"))
    event = bench.put("inbox/a b+c%20ü/instructions.md")
    bench.deliver(event if wired == "EventBridge" else notification(event))
    (request,) = bench.runs().values()
    assert request == {
        "instructions": f"s3://{BUCKET}/inbox/a b+c%20ü/",
        "reply_to": "inbox/a b+c%20ü",
    }


def test_one_file_starts_a_run_that_is_answered_in_a_folder_of_its_name(bench: InboxBench) -> None:
    bench.deliver(bench.put("inbox/fix.md", "# Do\n", repo=REPO))
    ((run_id, request),) = bench.runs().items()
    assert run_id.startswith("run_inbox_")
    assert request == {
        "instructions": f"s3://{BUCKET}/inbox/fix.md",
        "repo": REPO,
        "agent": "apply",
        "reply_to": "inbox/fix",
    }


def test_settings_come_from_front_matter_metadata_run_yaml_and_the_stack_in_that_order(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFAULT_REPO", "https://h.example/default.git")
    bench.put("inbox/a/run.yaml", f"repo: {REPO}\nbase: file\nbranch: file\nmessage: file\n")
    metadata = {"branch": "metadata", "message": "=?UTF-8?B?w7xiZXI=?=", "timeout": "60"}
    bench.deliver(bench.put("inbox/a/instructions.md", "---\nbranch: head\n---\n# Do\n", **metadata))
    (request,) = bench.runs().values()
    assert request == {
        "instructions": f"s3://{BUCKET}/inbox/a/",
        "reply_to": "inbox/a",
        "repo": REPO,
        "agent": "apply",
        "base": "file",
        "message": "über",
        "timeout_seconds": 60,
    }


@pytest.mark.parametrize(
    ("body", "beside", "metadata", "words"),
    [
        ("# Do\n", "", {}, "No repository is named"),
        ("---\nrepo: /etc\n---\n# Do\n", "", {}, "/etc"),
        ("---\nrepo: [\n---\n# Do\n", "", {}, "not readable YAML"),
        (HEAD, "reop: x\n", {}, "run.yaml key 'reop' is unknown"),
        (HEAD, "", {"brnach": "x"}, "x-amz-meta-brnach"),
        (HEAD, "", {"timeout": "soon"}, "timeout_seconds"),
        ("", "", {}, "is empty"),
        (HEAD.replace("make", '"it\'s"'), "", {}, "command"),
    ],
)
def test_a_request_that_cannot_be_run_is_answered_beside_its_input_and_starts_nothing(
    bench: InboxBench, body: str, beside: str, metadata: dict[str, str], words: str
) -> None:
    if beside:
        bench.put("inbox/a/run.yaml", beside)
    bench.deliver(bench.put("inbox/a/instructions.md", body, **metadata))
    assert bench.runs() == {}
    status = json.loads(bench.text("inbox/a/status.json"))
    assert status["status"] == "REFUSED"
    assert words in status["summary"]
    assert "upload the instructions again" in status["next"]
    page = bench.text("inbox/a/report.md")
    assert "REFUSED" in page
    assert "- Next: " in page
    # Repaired, it runs.
    bench.put("inbox/a/run.yaml", "base: main\n")
    bench.deliver(bench.put("inbox/a/instructions.md"))
    assert len(bench.runs()) == 1


def test_uploads_to_another_bucket_start_nothing(bench: InboxBench) -> None:
    event = bench.put("inbox/a/instructions.md")
    event["detail"]["bucket"]["name"] = f"{BUCKET}-other"
    bench.deliver(event, sample("instructions_dropped"))
    assert bench.runs() == {}


CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/stepherd"


@pytest.fixture
def cluster(bench: InboxBench, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cluster of moto with a task of two runs each; gives the client."""
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.create_cluster(clusterName="stepherd")
    ecs.register_task_definition(
        family="git", containerDefinitions=[{"name": "git", "image": "i", "memory": 512, "essential": True}]
    )
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    for run in ("run_1", "run_2"):
        overrides = {
            "containerOverrides": [
                {
                    "name": "git",
                    "environment": [
                        {"name": "STEPHERD_RUN_FOLDER", "value": f"s3://{BUCKET}/runs/{run}"},
                    ],
                }
            ]
        }
        ecs.run_task(
            cluster="stepherd",
            taskDefinition="git",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
            overrides=overrides,
        )
    monkeypatch.setenv("CLUSTER_ARN", CLUSTER)
    return ecs


def _end(bench: InboxBench, run_id: str, status: str, given: dict[str, str]) -> dict[str, Any]:
    event = sample("stop_left_over")
    arn = bench.machine.replace(":stateMachine:", ":execution:") + f":{run_id}"
    event["detail"].update(executionArn=arn, name=run_id, status=status, input=json.dumps(given))
    return event


@pytest.mark.exhaustive
@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_the_end_of_a_run_stops_its_tasks_and_corrects_what_its_status_says(
    bench: InboxBench, cluster: Any, status: str
) -> None:
    given = {"instructions": "s3://b/k", "repo": REPO, "command": "true", "reply_to": "inbox/a"}
    reply_running(open_store(f"s3://{BUCKET}"), "run_1", given)
    stop = load_handler("stop_left_over")
    for _ in range(2):
        stop(_end(bench, "run_1", status, given), Context())
    stopped = cluster.list_tasks(cluster="stepherd", desiredStatus="STOPPED")["taskArns"]
    running = cluster.list_tasks(cluster="stepherd", desiredStatus="RUNNING")["taskArns"]
    assert (len(stopped), len(running)) == (1, 1)
    (gone,) = cluster.describe_tasks(cluster="stepherd", tasks=stopped)["tasks"]
    assert gone["overrides"]["containerOverrides"][0]["environment"][0]["value"].endswith("/run_1")
    told = json.loads(bench.text("inbox/a/status.json"))["status"]
    # A run that succeeds has said so itself.
    assert told == ("RUNNING" if status == "SUCCEEDED" else status)


@pytest.mark.exhaustive
def test_what_a_run_has_said_of_its_own_end_stands(bench: InboxBench, cluster: Any) -> None:
    bench.put("inbox/a/status.json", json.dumps({"run_id": "run_1", "status": "FAILED", "summary": "why"}))
    load_handler("stop_left_over")(_end(bench, "run_1", "FAILED", {"reply_to": "inbox/a"}), Context())
    assert json.loads(bench.text("inbox/a/status.json"))["summary"] == "why"
    load_handler("stop_left_over")(_end(bench, "run_1", "ABORTED", {"reply_to": "runs/run_2"}), Context())
    assert bench.keys("runs/") == []


@pytest.mark.parametrize("name", ["instructions_dropped", "stop_left_over"])
def test_a_trigger_s_function_starts_light(name: str) -> None:
    """It loads the modules that every event needs, and none that only instructions need."""
    code = (
        "import sys, app; print(*sorted({n.partition('.')[0] for n in sys.modules} & "
        "{'boto3', 'jsonschema', 'yaml', 'zstandard'}))"
    )
    paths = f"{ROOT / 'src'}:{ROOT / 'functions' / name}"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert loaded == ""
