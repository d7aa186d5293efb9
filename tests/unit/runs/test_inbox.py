"""Starting a run from the inbox: by which event, and with settings from where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.runs.front_matter import read_settings
from stepherd.runs.ids import check_run_id, derived_run_id
from stepherd.runs.inbox_events import InvalidEvent, dropped_objects, is_older
from stepherd.runs.inbox_keys import inbox_keys
from stepherd.runs.inbox_settings import given_settings, read_metadata, read_settings_file
from stepherd.runs.reply import reply_folder
from stepherd.services.front_matter import InvalidFrontMatter
from stepherd.services.store.opening import open_store

EVENTS = Path(__file__).parents[3] / "events"
AT_SIX = {"repo": "R", "agent": "q", "branch": "b"}


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


@pytest.mark.parametrize(
    ("key", "instructions", "reply_to"),
    [
        ("inbox/fix.md", "inbox/fix.md", "inbox/fix"),
        ("inbox/a/instructions.md", "inbox/a/", "inbox/a"),
        ("inbox/a b/ü+%20/instructions.md", "inbox/a b/ü+%20/", "inbox/a b/ü+%20"),
        ("inbox/instructions.md", "inbox/instructions.md", "inbox/instructions"),
        (f"inbox/{'x' * 1015}.md", f"inbox/{'x' * 1015}.md", ""),
    ],
)
def test_instructions_of_the_inbox_have_their_place(key: str, instructions: str, reply_to: str) -> None:
    keys = inbox_keys(key)
    assert keys is not None
    assert (keys.instructions, keys.reply_to) == (instructions, reply_to)
    assert keys.settings == f"{key.rpartition('/')[0]}/run.yaml"


@pytest.mark.parametrize(
    "key",
    [
        "inbox/report.md",
        "inbox/a/report.md",
        "inbox/a/status.json",
        "inbox/a/run.yaml",
        "inbox/a/notes.md",
        "inbox/a/INSTRUCTIONS.MD",
        "inbox/.md",
        "inbox",
        "inbox/",
        "inbox/../runs/r/instructions.md",
        "inbox/a/../instructions.md",
        "inbox//instructions.md",
        "inbox/a\n/instructions.md",
        f"inbox/{'x' * 1024}/instructions.md",
        "runs/r/instructions/instructions.md",
        "inbox-state/instructions.md",
        "other/inbox/a/instructions.md",
        "Inbox/a/instructions.md",
    ],
)
def test_nothing_else_starts_a_run(key: str) -> None:
    assert inbox_keys(key) is None


@given(st.text(min_size=1, max_size=60))
def test_no_answer_starts_a_run_wherever_it_is_written(name: str) -> None:
    for key in (f"inbox/{name}.md", f"inbox/{name}/instructions.md"):
        keys = inbox_keys(key)
        if keys is None or not keys.reply_to:
            continue
        for file in ("report.md", "status.json"):
            assert inbox_keys(f"{keys.reply_to}/{file}") is None
    assert reply_folder({"reply_to": f"runs/{name}"}) == ""


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", True),
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", False),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", False),
        ("0055aed6", "0055AED6", False),
        ("00A", "00A01", True),
        ("0B", "00FFFF", False),
        ("00A", "00A000", False),
    ],
)
def test_sequencers_are_padded_on_the_right_and_compared(one: str, other: str, older: bool) -> None:
    assert is_older(one, other) is older


def test_both_forms_of_an_event_are_read_and_a_key_is_decoded_once() -> None:
    (announced,) = dropped_objects(sample("instructions_dropped"))
    (notified,) = dropped_objects(sample("instructions_dropped_notification"))
    assert announced.key == "inbox/tides/instructions.md"
    assert notified.key == "inbox/spring tides/instructions.md"
    assert (announced.bucket, announced.sequencer, announced.etag, announced.version) == (
        notified.bucket,
        notified.sequencer,
        notified.etag,
        notified.version,
    )
    encoded = sample("instructions_dropped_notification")
    encoded["Records"][0]["s3"]["object"]["key"] = "inbox/a%2520b%2B/instructions.md"
    assert dropped_objects(encoded)[0].key == "inbox/a%20b+/instructions.md"
    plain = sample("instructions_dropped")
    plain["detail"]["object"]["key"] = "inbox/a%20b+/instructions.md"
    assert dropped_objects(plain)[0].key == "inbox/a%20b+/instructions.md"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": None},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]},
        {"source": "aws.ec2", "detail-type": "Object Created", "detail": {}},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "b"}}},
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": "b"}, "object": {"key": "k", "sequencer": "xyz"}},
        },
        {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": "b"}, "object": {"key": "%ff.md", "sequencer": "00"}},
                }
            ]
        },
    ],
)
def test_what_s3_does_not_send_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        dropped_objects(event)


def test_a_derived_run_id_is_a_run_id_that_depends_on_every_part() -> None:
    ids = {
        derived_run_id(*parts)
        for parts in [("b", "k", "1"), ("b", "k", "2"), ("bk", "", "1"), ("b", "k1", "")]
    }
    assert len(ids) == 4
    assert {check_run_id(run_id) for run_id in ids} == ids
    assert derived_run_id("b", "k", "1") == derived_run_id("b", "k", "1")


@pytest.mark.parametrize(
    ("head", "metadata", "file", "defaults", "given_to_the_run"),
    [
        ({}, {}, {}, {"repo": "D", "agent": "q"}, {"repo": "D", "agent": "q"}),
        ({}, {}, {"repo": "F"}, {"repo": "D"}, {"repo": "F"}),
        ({}, {"repo": "M"}, {"repo": "F", "base": "x"}, {"repo": "D"}, {"repo": "M", "base": "x"}),
        ({"repo": "H"}, {"repo": "M"}, {"repo": "F"}, {"repo": "D"}, {}),
        ({}, {"command": "make"}, {"agent": "kiro"}, {"agent": "q"}, {"command": "make"}),
        ({"command": "make"}, {"agent": "kiro"}, {}, {"agent": "q", "repo": "D"}, {"repo": "D"}),
    ],
)
def test_each_layer_weighs_more_than_the_next(
    head: Any, metadata: Any, file: Any, defaults: Any, given_to_the_run: Any
) -> None:
    assert given_settings(head, metadata, file, defaults) == given_to_the_run


def test_metadata_is_text_that_becomes_what_the_field_wants() -> None:
    told = {"verify-required": "True", "verify": "make test", "timeout": "60", "max-cost-usd": "1.5"}
    assert read_metadata({**told, "mtime": "1700000000.1", "stepherd-write": "ab"}) == {
        "verify_required": True,
        "verify": "make test",
        "timeout_seconds": 60,
        "max_cost_usd": 1.5,
    }
    assert read_metadata({"timeout": "soon"}) == {"timeout_seconds": "soon"}
    with pytest.raises(InvalidFrontMatter, match="'x-amz-meta-brnach' is unknown"):
        read_metadata({"brnach": "b"})


def test_run_yaml_has_the_keys_of_front_matter(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert read_settings_file(store, "inbox/a/run.yaml") == {}
    store.put("inbox/a/run.yaml", b"---\nrepo: https://h.example/r.git\ntimeout: 60\n")
    assert read_settings_file(store, "inbox/a/run.yaml") == {
        "repo": "https://h.example/r.git",
        "timeout_seconds": 60,
    }
    store.put("inbox/a/run.yaml.md", b"x")
    for body, words in {
        b"repo: a\nreop: b\n": "The run.yaml key 'reop' is unknown",
        b"- a\n": "The run.yaml is not a mapping",
        b"repo: [a]\n": "line 1 of run.yaml is not a scalar",
        b"a: 'b\n": r"not readable YAML \(line 2\)",
        b"\xff\xfe": "not UTF-8",
        b"#" * 70_000: "longer than 65,536 bytes",
    }.items():
        store.put("inbox/a/run.yaml", body)
        with pytest.raises(InvalidFrontMatter, match=words):
            read_settings_file(store, "inbox/a/run.yaml")


def test_settings_in_a_file_name_the_file() -> None:
    with pytest.raises(InvalidFrontMatter, match=r"run\.yaml") as caught:
        read_settings("a: *b", "run.yaml")
    assert "between two lines" not in caught.value.remedy
