"""Logins, tokens, keys, contexts and completion on a deployed stack."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.cloud import ACCOUNT, BUCKET, STACK, Cloud
from tests.e2e.lender import Lender, wait_until


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    with Lender.at(tmp_path / "place") as made:
        yield made


@pytest.mark.exhaustive
def test_a_person_logs_in_on_the_stack_and_runs_pass(lender: Lender) -> None:
    with Cloud.at(lender.place) as cloud:
        cli = lender.place.cli
        assert cli("login", "status", "--agent", "q").code == 77
        # WHEN a run needs a login, and the person approves the code that it shows
        child = lender.place.start(*cloud.run_words("true", "--agent", "borrower", "--json"))
        _await_notice(cloud, 1)
        assert cli("list").ok().out.startswith("run_1  waiting for you  ")
        code = _approve(lender, cloud)
        run = lender.place.end_of(child).ok()
        # THEN it continues
        assert run.json["status"] == "SUCCEEDED"
        assert f"waiting for you: open {lender.provider.url}" in run.err
        assert f"code {code}" in run.err
        # WHEN somebody logs in again
        child = lender.place.start("login", "--force")
        code = _approve(lender, cloud, 2)
        done = lender.place.end_of(child).ok()
        # THEN address and code were shown, and the login is in the stack's bucket
        assert f"code {code}" in done.err
        assert f"  stored   s3://{BUCKET}/logins/q/data.sqlite3" in done.err
        status = cli("login", "status", "--agent", "q", "--json").ok().json["logins"][0]
        assert (status["next_run"], status["database"]) == ("passes", f"s3://{BUCKET}/logins/q/data.sqlite3")
        assert status["lease"]["running"] is False
        token = cli("export-token", "--no-refresh-token").ok().json
        assert token["accessToken"] in lender.secrets()
        assert cli("login", "--database", "/tmp/x").code == 64


def _await_notice(cloud: Cloud, count: int) -> str:
    """Wait for so many notices; the last one of them."""
    path = cloud.home / "notices.jsonl"
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) >= count, "notice")
    return path.read_text().splitlines()[count - 1]


def _approve(lender: Lender, cloud: Cloud, count: int = 1) -> str:
    """Read the notice of that number, and approve its code."""
    notice = json.loads(_await_notice(cloud, count))
    code = re.search(r"^Code: (\S+)$", notice["text"], re.MULTILINE)
    assert code is not None
    lender.provider.approve(code[1])
    return code[1]


@pytest.mark.exhaustive
def test_keys_and_completion_and_contexts_know_the_stack(lender: Lender) -> None:
    with Cloud.at(lender.place) as cloud:
        cli = lender.place.cli
        key = cli("keys", "create", "--owner", "ada", "--json").ok().json
        current = {"SecretId": "flock/api-keys", "VersionStage": "AWSCURRENT"}
        stored = cloud.client("secretsmanager").get_secret_value(**current)["SecretString"]
        assert "ada" in stored
        assert key["key"] not in stored
        assert [row["owner"] for row in cli("keys", "list", "--json").ok().json["keys"]] == ["ada"]
        listed = cli("context").ok().out.splitlines()
        assert listed[1] == f"* aws           stack {STACK}, account {ACCOUNT}, us-east-1"
        chosen = cli("context", "local", "--json").ok().json
        assert (chosen["default"], chosen["chosen"]) == ("local", "local")
        assert cli("keys", "list").code == 64
        cli(*cloud.run_words("true", "--detach", "--context", "aws", name="nightly")).ok()
        complete = {"_STEPHERD_COMPLETE": "bash_complete", "COMP_CWORD": "4"}
        words = "stepherd status --context aws nig"
        assert cli(COMP_WORDS=words, **complete).out == "plain,nightly\n"
        assert cli(COMP_WORDS="stepherd list --context a", _STEPHERD_COMPLETE="bash_complete",
                   COMP_CWORD="3").out == "plain,aws\n"  # fmt: skip
        cli("watch", "nightly", "--context", "aws").ok()
