"""Where repositories, credentials and instructions may lie: http with a token, ssh with a key, AWS."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from tests.e2e.aftermath import no_canary
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.http_server import GitServer, serve
from tests.integration.repositories.ssh_server import serve_ssh

TOKEN = "canary-Zq7Lw2Xv9Rt4"
LOOPBACK = {"STEPHERD_ALLOW_LOOPBACK_REMOTES": "1"}
CHANGE = "sh -c 'echo new > new.txt'"


@pytest.fixture
def server(place: Place) -> Iterator[GitServer]:
    """The remote behind git http-backend, for callers with the token."""
    with serve(place.origin.folder, TOKEN) as made:
        yield made


@pytest.fixture
def aws(place: Place) -> Iterator[Callable[[str], Any]]:
    """S3 and Secrets Manager on loopback, reached by the place's environment; gives a client."""
    if importlib.util.find_spec("flask") is None and os.environ.get("STEPHERD_REQUIRE_ALL") != "1":
        pytest.skip("moto[server] is not installed")
    from tests.moto_server import moto_server

    settings = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}
    with moto_server() as endpoint:
        place.environment |= settings | {
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
        }
        yield lambda service: boto3.client(service, endpoint_url=endpoint, **keys)


def _check_pushed(place: Place, fields: dict[str, Any], before: dict[str, str]) -> None:
    assert fields["status"] == "SUCCEEDED"
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert place.origin.tip("stepherd/run_1") == fields["commit"]


@pytest.mark.parametrize(
    "way",
    [
        "the environment's env:",
        pytest.param("the flag's env:", marks=pytest.mark.exhaustive),
        pytest.param("the environment's file:", marks=pytest.mark.exhaustive),
    ],
)
def test_a_token_opens_an_http_repository(place: Place, server: GitServer, way: str) -> None:
    before = place.origin.refs()
    more, environment = [], dict(LOOPBACK)
    if way == "the environment's file:":
        (place.root / "secret.json").write_text(
            json.dumps({"token": TOKEN, "name": "Robo", "email": "r@x.org"})
        )
        environment["GIT_CREDENTIALS_SECRET_ID"] = "file:secret.json"
    else:
        environment["MY_TOKEN"] = TOKEN
        if way == "the flag's env:":
            more = ["--git-credentials", "env:MY_TOKEN"]
        else:
            environment["GIT_CREDENTIALS_SECRET_ID"] = "env:MY_TOKEN"
    done = place.run(CHANGE, "--repo", f"{server.url}/team.git", *more, **environment).ok()
    _check_pushed(place, done.json, before)
    assert [who for _, _, who in server.requests if who], "the token was asked for"
    no_canary(place, TOKEN)


def test_a_wrong_token_is_refused_before_anything_starts(place: Place, server: GitServer) -> None:
    environment = {**LOOPBACK, "MY_TOKEN": "wrong-token-1234"}
    done = place.run(
        CHANGE, "--repo", f"{server.url}/team.git", "--git-credentials", "env:MY_TOKEN", **environment
    )
    assert done.code == 77
    assert not (place.home / "journal.sqlite3").exists()
    assert "wrong-token-1234" not in done.out + done.err


def test_a_key_opens_an_ssh_repository(place: Place, require: Callable[[str], str]) -> None:
    require("sshd")
    before = place.origin.refs()
    with serve_ssh(place.root.parent / "sshd") as server:
        secret = {"ssh_key": server.key, "known_hosts": server.known_hosts}
        (place.root / "secret.json").write_text(json.dumps(secret))
        repo = f"{server.url}{place.origin.bare}"
        done = place.run(CHANGE, "--repo", repo, "--git-credentials", "file:secret.json", **LOOPBACK).ok()
    _check_pushed(place, done.json, before)
    no_canary(place, *[line for line in server.key.splitlines()[1:-1] if len(line) > 30])


def test_instructions_and_credentials_of_aws(
    place: Place, server: GitServer, aws: Callable[[str], Any]
) -> None:
    before = place.origin.refs()
    s3 = aws("s3")
    s3.create_bucket(Bucket="asked", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="asked", Key="job/instructions.md", Body=b"# Do the work\n")
    s3.put_object(Bucket="asked", Key="job/more/data.txt", Body=b"data\n")
    aws("secretsmanager").create_secret(Name="git/token", SecretString=json.dumps({"token": TOKEN}))
    command = "sh -c 'cp $STEPHERD_INSTRUCTIONS/more/data.txt new.txt'"
    more = [
        "--instructions",
        "s3://asked/job",
        "--repo",
        f"{server.url}/team.git",
        "--git-credentials",
        "git/token",
    ]
    done = place.run(command, *more, **LOOPBACK).ok()
    _check_pushed(place, done.json, before)
    assert place.origin.show("stepherd/run_1", "new.txt") == "data"
    no_canary(place, TOKEN)
