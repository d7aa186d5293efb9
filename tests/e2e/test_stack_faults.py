"""Faults of a deployed stack: each has its words, a next command, and the exit code of its kind."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import pytest
from tests.e2e.cloud import ACCOUNT, REGION, STACK, Cloud
from tests.e2e.lender import wait_until
from tests.e2e.place import Done, Place

from stepherd.cloud.contexts import Context, keep_context

TOUCH = "sh -c 'touch new.txt'"


@pytest.fixture
def cloud(place: Place) -> Iterator[Cloud]:
    with Cloud.at(place) as made:
        yield made


def says(done: Done, code: int, *words: str) -> None:
    """It ended with this exit code, and said these words in its last line: no traceback, nothing twice."""
    last = done.err.splitlines()[-1] if done.err else ""
    assert done.code == code, done.err
    assert all(word in last for word in words), last
    assert last.startswith("stepherd: ")
    assert "Traceback" not in done.err


@pytest.mark.exhaustive
def test_whatever_is_wrong_with_the_stack_is_said_in_words(cloud: Cloud) -> None:
    cli, home = cloud.place.cli, cloud.place.home
    # a stack that is not there, an account that is another
    keep_context(home, Context("gone", "gone", REGION, ACCOUNT), default=False)
    keep_context(home, Context("theirs", STACK, REGION, "999999999999"), default=False)
    where = f"the account {ACCOUNT} and the region {REGION}"
    says(cli("list", "--context", "gone"), 66, f"There is no stack 'gone' in {where}.", "stepherd init")
    says(cli("list", "--context", "theirs"), 77, f"account {ACCOUNT}", "999999999999", "aws sso login")
    says(cli("list", "--context", "none"), 66, "no context 'none'; there are: local, aws, gone, theirs")
    # a run that is not there
    says(cli("status", "run_9"), 66, f"There is no run 'run_9' in the stack '{STACK}'", "stepherd list")
    says(cli("stop", "run 9"), 66, "There is no run 'run 9'")
    # no permission, said as AWS says it
    cloud.states.refuses("states:StartExecution")
    says(cli(*cloud.run_words(TOUCH)), 77, "AWS refuses states:StartExecution", "Allow states:StartExecution")
    assert cloud.objects("runs/") == []
    cloud.states.faults.clear()
    # throttled for a while: patience
    before = cloud.states.count("ListExecutions")
    cloud.states.throttles("ListExecutions", 2)
    assert cli("list", "--json").ok().json == {"runs": []}
    assert cloud.states.count("ListExecutions") == before + 3
    # credentials that have expired, in either service
    cloud.states.expires()
    says(cli("list"), 77, "rejects the credentials", "aws sso login")
    refused = cli("list", "--json")
    assert (refused.code, refused.json["error"]["category"]) == (77, "credentials")
    cloud.formation.expires()
    says(cli("list"), 77, "rejects the credentials", "aws sso login")
    cloud.states.faults.clear()
    cloud.formation.faults.clear()
    # the network is down
    says(cli("list", AWS_ENDPOINT_URL_CLOUDFORMATION="http://127.0.0.1:9"), 69, "cannot be reached")
    # the stack is being deleted: what is there can be looked at, and nothing starts
    cloud.formation.rewrites = {b"CREATE_COMPLETE": b"DELETE_IN_PROGRESS"}
    says(cli(*cloud.run_words(TOUCH)), 75, f"The stack '{STACK}' is being deleted", "stepherd context")
    assert cli("list").ok().err.startswith(f"No runs yet in the stack '{STACK}'.")
    assert cloud.states.count("StartExecution") == 1


@pytest.mark.exhaustive
def test_what_only_this_machine_has_is_refused_before_anything_is_written(cloud: Cloud) -> None:
    place, cli = cloud.place, cloud.place.cli
    words = cloud.run_words(TOUCH)
    here = str(place.origin.bare)
    says(
        cli(*words, "--repo", here), 64, f"The repository {here} is on this machine", "remote get-url origin"
    )
    says(cli(*words, "--git-credentials", "env:TOKEN"), 64, "env:TOKEN names a secret on this machine")
    says(cli(*words, "--secret", "KEY=file:key"), 64, "key names a secret on this machine")
    says(cli(*words, "--agent-credentials", "file:key"), 64, "takes no agent credentials")
    says(
        cli(*words, "--runner", "podman"), 64, "--runner is only for runs on this machine", "--context local"
    )
    token = "ghp_" + "a1B2" * 10
    secret = place.instructions(f"# Do\n\nWith {token}\n", name="secret.md")
    refused = cli(*words, "--instructions", str(secret))
    says(refused, 65, "a GitHub token, in line 3 of instructions.md")
    assert token not in refused.err
    head = place.instructions(f"---\nrepo: {here}\ncommand: 'true'\n---\nDo\n", name="head.md")
    says(cli("run", "--instructions", str(head)), 64, "is on this machine", "get-url origin")
    claude = ("run", "--repo", cloud.repo, "--instructions", str(place.instructions()), "--agent", "claude")
    here_alone = cli(*claude, ANTHROPIC_API_KEY="k")
    says(here_alone, 77, "The agent 'claude' has no credentials", "--agent-key claude=env:ANTHROPIC_API_KEY")
    says(cli("resume"), 64, "'stepherd resume' only works on this machine", "stepherd watch")
    assert cloud.objects() == []
    assert cloud.states.calls == []
    # AND the embedded engine is one option away
    assert "No runs yet in" in cli("list", "--context", "local").ok().err
    assert "No runs yet in" in cli("list", STEPHERD_CONTEXT="local").ok().err


@pytest.mark.exhaustive
def test_a_run_is_followed_to_its_end_on_a_bad_day_and_left_with_ctrl_c(cloud: Cloud) -> None:
    place = cloud.place
    # GIVEN an API that is behind, busy and cut off now and then
    cloud.states.is_behind("GetExecutionHistory", 3)
    cloud.states.throttles("GetExecutionHistory", 1)
    cloud.states.cuts("StartExecution", 1)
    cloud.states.cuts("DescribeExecution", 1)
    # THEN a run goes to its end as ever, and has begun once
    assert place.cli(*cloud.run_words(TOUCH, "--json")).ok().json["status"] == "SUCCEEDED"
    # AND its name is taken
    taken = place.cli(*cloud.run_words("sh -c 'touch other.txt'"))
    says(taken, 73, "The run 'run_1' is in the stack", "stepherd status run_1", "--name")
    assert {key.split("/")[3] for key in cloud.objects("runs/run_1/given/")} == _given(cloud)
    # WHEN somebody leaves with Ctrl-C
    child = place.start(*cloud.run_words(place.script("sleep 600"), name="run_2"))
    wait_until(lambda: "RunAgent" in place.cli("status", "run_2").out, "agent that works")
    child.send_signal(signal.SIGINT)
    done = place.end_of(child)
    # THEN it continues, and how to follow and stop it is said
    assert done.code == 130
    assert re.findall(r"stepherd (\w+) run_2", done.err) == ["watch", "stop"]
    assert place.status("run_2")["status"] == "RUNNING"
    assert place.cli("stop", "run_2").ok().err.endswith("stepherd redrive run_2\n")
    # WHEN whoever runs the command is told to end, as by CI
    child = place.start(*cloud.run_words(place.script("sleep 600"), name="run_3"))
    wait_until(lambda: "RunAgent" in place.cli("status", "run_3").out, "agent that works")
    child.send_signal(signal.SIGTERM)
    done = place.end_of(child)
    # THEN the run is stopped
    assert done.code == 143
    assert "Stopped after" in done.err
    assert "continues" not in done.err
    assert place.cli("list", "--limit", "1", "--json").ok().json["runs"][0]["run_id"] == "run_3"
    assert [line.split()[0] for line in place.cli("list").ok().out.splitlines()] == [
        "run_3", "run_2", "run_1",
    ]  # fmt: skip


def _given(cloud: Cloud) -> set[str]:
    """Where the run that goes by the name has its instructions from."""
    request = json.loads(cloud.client("s3").get_object(
        Bucket=cloud.bucket, Key="runs/run_1/request.json")["Body"].read())  # fmt: skip
    return {request["instructions"].rpartition("/")[2]}
