"""The functions behind the triggers, with S3, ECS and Step Functions as moto serves them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.inbox_bench import BUCKET, HEAD, InboxBench, notification, sample

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
    # Mended, it runs.
    bench.put("inbox/a/run.yaml", "base: main\n")
    bench.deliver(bench.put("inbox/a/instructions.md"))
    assert len(bench.runs()) == 1


def test_uploads_to_another_bucket_start_nothing(bench: InboxBench) -> None:
    event = bench.put("inbox/a/instructions.md")
    event["detail"]["bucket"]["name"] = f"{BUCKET}-other"
    bench.deliver(event, sample("instructions_dropped"))
    assert bench.runs() == {}
