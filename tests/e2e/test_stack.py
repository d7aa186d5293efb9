"""Every command of a run on a deployed stack, as on the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.aftermath import no_canary
from tests.e2e.cloud import ACCOUNT, BUCKET, STACK, TOKEN, Cloud
from tests.e2e.lender import wait_until
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git

from stepherd.backends.client import execution_arn


@pytest.fixture
def cloud(place: Place) -> Iterator[Cloud]:
    with Cloud.at(place) as made:
        yield made


MOST_CALLS_OF_S3 = 44
"""From ``stepherd run`` to its end, with those of the command line."""


def test_a_run_from_start_to_pull(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    place, before = cloud.place, cloud.place.origin.refs()
    caplog.set_level("INFO", "werkzeug")
    caplog.clear()
    # WHEN somebody runs an agent on the stack with instructions of this machine
    done = place.cli(*cloud.run_words("sh -c 'echo working; echo new > new.txt'")).ok()
    # THEN the head says where, the console's address is named, and states come with their times
    lines = done.err.splitlines()
    assert lines[0] == f"Run run_1 in the stack 'flock' (context aws, account {ACCOUNT}, us-east-1)"
    assert lines[1].endswith(f"#/v2/executions/details/{execution_arn('run_1')}")
    assert any("✓ RunAgent succeeded after" in line for line in lines)
    assert any("Succeeded after" in line for line in lines)
    assert done.out == "stepherd/run_1\n"
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    # AND no state asked S3 again for what it knew
    calls = [line for record in caplog.records if f"/{BUCKET}" in (line := record.getMessage())]
    assert 10 < len(calls) <= MOST_CALLS_OF_S3, "\n".join(calls)
    assert [call for call in calls if '" 404 ' in call or " 404 -" in call] == []
    # AND what is known of it is the same everywhere
    status = place.status()
    assert status["status"] == "SUCCEEDED"
    assert status["report"] == f"s3://{BUCKET}/runs/run_1/report.json"
    assert status["commit"] == place.origin.tip("stepherd/run_1")
    assert place.cli("watch", "run_1", "--json").ok().json == status
    listed = place.cli("list", "--json").ok().json["runs"]
    assert [(run["run_id"], run["status"], run["redrives"]) for run in listed] == [("run_1", "SUCCEEDED", 0)]
    assert isinstance(listed[0]["started"], float)
    history = place.history()
    assert [event["type"] for event in (history[0], history[-1])] == [
        "ExecutionStarted",
        "ExecutionSucceeded",
    ]
    assert all(isinstance(event["timestamp"], float) for event in history)
    # AND nothing of it is on this machine
    assert sorted(path.name for path in place.home.iterdir()) == ["config.yaml"]
    no_canary(place, TOKEN)


@pytest.mark.exhaustive
def test_logs_come_from_the_streams_of_the_tasks(cloud: Cloud) -> None:
    place = cloud.place
    place.cli(*cloud.run_words("sh -c 'seq 1 300'", "--push", "none")).ok()
    # GIVEN CloudWatch that has nothing yet, the agent's lines are those of its events
    early = place.cli("logs", "run_1").ok().out.splitlines()
    assert early == [f"{'RunAgent':<15}  {number}" for number in range(201, 301)]
    # WHEN it has caught up, every task's lines are there
    cloud.ship_logs()
    lines = place.cli("logs", "run_1", "--state", "RunAgent", "--tail", "3", "--json").ok().json["lines"]
    assert {line["state"] for line in lines} == {"RunAgent"}
    assert len(lines) == 3
    everything = place.cli("logs", "run_1", "--tail", "100000").ok().out.splitlines()
    told = [line.split()[-1] for line in everything if line.startswith("RunAgent")]
    assert [str(number) for number in range(1, 301)] == [word for word in told if word.isdigit()][:300]
    refused = place.cli("logs", "run_1", "--state", "Nowhere")
    assert (refused.code, "CloneRepository, RunAgent" in refused.err) == (64, True)


@pytest.mark.exhaustive
def test_stop_redrive_and_pull(cloud: Cloud) -> None:
    place = cloud.place
    flag = place.root / "go"
    script = place.script(f"echo busy\ntest -e {flag} || sleep 600\necho new > new.txt")
    # GIVEN a run that was left to itself
    started = place.cli(*cloud.run_words(script, "--detach", "--push", "none", "--json")).ok()
    assert started.json["status"] == "RUNNING"
    assert f"run_1 continues in the stack '{STACK}'" in started.err
    wait_until(lambda: "RunAgent" in place.cli("status", "run_1").out, "agent that works")
    assert place.cli("list", "--status", "running", "--json").ok().json["runs"][0]["run_id"] == "run_1"
    assert place.cli("pull", "run_1").code == 75
    followed = place.start("logs", "run_1", "-f")
    # WHEN it is stopped
    stopped = place.cli("stop", "run_1", "--json").ok().json
    # THEN it says so, once
    assert (stopped["status"], stopped["error"]["next"]) == ("ABORTED", "stepherd redrive run_1")
    assert place.cli("stop", "run_1").ok().err == "run_1 had already ended: stopped.\n"
    # AND a redrive continues it to its end, although the history does not tell of it at once
    flag.touch()
    cloud.states.stale["GetExecutionHistory"] = 4
    redriven = place.cli("redrive", "run_1", "--json").ok().json
    assert (redriven["status"], redriven["redrives"]) == ("SUCCEEDED", 1)
    again = place.cli("redrive", "run_1")
    assert again.code == 64
    assert "cannot be redriven" in again.err
    # AND who followed its logs saw the agent until the end
    assert "RunAgent" in place.end_of(followed).ok().out
    # AND its changes come out of the bucket
    clone = place.root / "mine"
    git(place.root, "clone", "--quiet", str(place.origin.bare), str(clone))
    pulled = place.cli("pull", "run_1", "--json", cwd=clone).ok().json
    assert (pulled["branch"], pulled["created"]) == ("stepherd/run_1", True)
    assert git(clone, "show", "stepherd/run_1:new.txt").strip() == "new"
    assert place.cli("pull", "run_1", "--json", cwd=clone).ok().json["created"] is False


@pytest.mark.exhaustive
def test_a_failed_run_fails_here_too(cloud: Cloud) -> None:
    done = cloud.place.cli(*cloud.run_words("sh -c 'exit 3'", "--json"))
    assert done.code == 1
    assert done.json["status"] == "FAILED"
    assert done.json["error"]["state"] == "RunAgent"
    assert cloud.place.cli("watch", "run_1").code == 1
