"""``stepherd init`` against an account on loopback: what there is afterwards, and where secrets are not."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.cloud.emulator import until
from tests.integration.deploying.account import Call, Fault
from tests.integration.deploying.conftest import CANARY, Person

_STAGING = "stepherd-staging-123456789012-eu-west-1"
_GIT_SECRET = "amazon-q-headless/git-credentials"


@pytest.mark.timeout(240)
def test_one_command_deploys_everything_and_again_changes_nothing(person: Person) -> None:
    done = person.init(
        "--git-token-file", str(person.token_file), "--email", "ada@example.com", "--agents", "claude"
    )
    stack = person.account.cloudformation.find("stepherd")
    # THEN the key is all that is on standard output, and only its hash is kept
    key = done.stdout.strip()
    assert re.fullmatch(r"sk_live_[0-9a-f]{64}", key)
    secrets = person.account.client("secretsmanager")
    ring = json.loads(_current(secrets, stack.outputs["ApiKeysSecretId"]))
    assert [entry["scope"] for entry in ring["keys"]] == ["runs:write"]
    assert key not in json.dumps(ring)
    # AND the tasks' images are those that were built
    (build,) = person.account.codebuild.builds
    repository = stack.outputs["ImageRepositoryUri"]
    assert build.variables["BUILD_ARGUMENTS"] == "--build-arg CLAUDE_CODE_VERSION=2.1.197"
    assert (stack.parameters["GitImage"], stack.parameters["AgentImage"]) == (
        f"{repository}:git-{build.variables['IMAGE_TAG']}",
        f"{repository}:agent-{build.variables['IMAGE_TAG']}",
    )
    assert "working on BUILD" in done.stderr
    # AND where and what it is was said first, and which person must still do something
    assert done.stderr.index("Account  123456789012") < done.stderr.index("Preparing the staging bucket")
    assert "about $1.90 a month" in done.stderr
    assert "ada@example.com must confirm the subscription" in done.stderr
    assert stack.tags == {"Application": "stepherd"}
    _assert_context(person.home / "config.yaml")
    _assert_staging_is_private(person)
    # AND the token is nowhere but in its secret
    assert json.loads(secrets.get_secret_value(SecretId=_GIT_SECRET)["SecretString"]) == {
        "token": CANARY,
        "hosts": "github.com",
    }
    assert _places_of(CANARY, person) == {("secretsmanager", "CreateSecret")}
    assert CANARY not in str(secrets.describe_secret(SecretId=_GIT_SECRET))

    # WHEN it is run again THEN nothing is changed, built or made, and no key is shown
    before = (stack.status, dict(stack.parameters), len(stack.events), set(_keys(person)))
    done = person.init()
    assert done.stdout == ""
    assert (stack.status, dict(stack.parameters), len(stack.events), set(_keys(person))) == before
    assert len(person.account.codebuild.builds) == 1
    assert "as it should be" in done.stderr
    assert _places_of(CANARY, person) == {("secretsmanager", "CreateSecret")}


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
def test_a_stack_of_before_is_brought_up_to_date_and_keeps_what_is_not_said(person: Person) -> None:
    stack = person.deployed("dev", LoginEmail="ada@example.com", RunRetentionDays="7")
    stack.status = "UPDATE_ROLLBACK_COMPLETE"  # An update of before has failed.
    given = [
        "--stack-name",
        "dev",
        "--name",
        "dev",
        "--no-api-key",
        "--json",
        "--parameter",
        "AgentMemory=16384",
    ]
    answer = json.loads(person.init(*given).stdout)
    assert (answer["stack"], answer["outcome"], answer["api_key"]) == ("dev", "updated", None)
    kept = {name: stack.parameters[name] for name in ("LoginEmail", "RunRetentionDays", "AgentMemory")}
    assert kept == {"LoginEmail": "ada@example.com", "RunRetentionDays": "7", "AgentMemory": "16384"}
    assert answer["images"]["GitImage"] == stack.parameters["GitImage"]
    assert yaml.safe_load((person.home / "config.yaml").read_text())["default_context"] == "dev"
    assert answer["unconfirmed"] == ["ada@example.com"]


def test_without_a_terminal_it_asks_for_yes_and_calls_nobody(person: Person) -> None:
    done = person.stepherd("init", "--region", "eu-west-1", code=64)
    assert done.stderr.count("\n") == 1
    assert "stepherd init --region eu-west-1 --yes" in done.stderr
    assert person.account.calls == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parameter", "Colour=red"], "'Colour' is not a parameter"),
        (["--parameter", "GitImage=x"], "set by init itself"),
        (["--parameter", "AgentCpu=3"], "It is one of: 256, 512, 1024,"),
        (["--parameter", "AgentDisk=500"], "It is a number from 21 to 200."),
        (["--parameter", "SubnetIds=subnet-1, subnet-2"], "separated by commas without spaces"),
        (["--agents", "q"], "q=https://"),
        (["--agents", "claude=1; rm -rf"], "names no version"),
        (["--agents", "nobody"], "no agent 'nobody'"),
        (["--email", "ada"], "not a mail address"),
        (["--no-git", "--git-token-file", "token"], "do not go together"),
        (["--git-ssh-key-file", "token"], "holds no private key"),
        (["--git-token-file", "absent"], "no file"),
        (["--git-hosts", "*.example.com"], "not a host"),
        (["--agent-key", "claude=sk-ant-0"], "must be a reference"),
        (["--agent-key", "q=env:KEY"], "no agent 'q' with a key"),
        (["--agent-key", "claude=file:absent"], "no file"),
        (["--stack-name", "a_b"], "cannot be the name of a stack"),
        (["--name", "my stack"], "cannot be the name of a context"),
        (["--name", "local"], "cannot be the name of a context"),
    ],
)
def test_what_is_not_acceptable_is_refused_before_anything_is_made(
    person: Person, words: list[str], said: str
) -> None:
    done = person.stepherd("init", "--yes", *words, code=_code_of(said))
    assert said in done.stderr
    assert person.account.calls == []
    assert CANARY not in person.seen


@pytest.mark.exhaustive
def test_a_removed_git_secret_is_restored_and_what_else_it_holds_stays(person: Person) -> None:
    secrets = person.account.client("secretsmanager")
    secrets.create_secret(Name=_GIT_SECRET, SecretString='{"ssh_key": "old", "email": "ada@example.com"}')
    secrets.delete_secret(SecretId=_GIT_SECRET, RecoveryWindowInDays=7)
    person.init("--no-image", "--no-api-key", STEPHERD_GIT_TOKEN=CANARY)
    held = json.loads(secrets.get_secret_value(SecretId=_GIT_SECRET)["SecretString"])
    assert held == {"token": CANARY, "email": "ada@example.com", "hosts": "github.com"}
    assert _places_of(CANARY, person) == {("secretsmanager", "PutSecretValue")}
    # AND hosts can be added to what is there
    person.init("--no-image", "--no-api-key", "--git-hosts", "GitHub.com, git.example.com:8443")
    held = json.loads(secrets.get_secret_value(SecretId=_GIT_SECRET)["SecretString"])
    assert held == {
        "token": CANARY, "email": "ada@example.com", "hosts": "github.com, git.example.com:8443"
    }  # fmt: skip


@pytest.mark.exhaustive
def test_without_git_access_the_tasks_are_given_none(person: Person) -> None:
    done = person.init("--no-image", "--no-api-key")
    stack = person.account.cloudformation.find("stepherd")
    assert stack.parameters["GitCredentialsSecretId"] == ""
    assert "--git-token-file" in done.stderr  # How to let runs push.
    # AND where no run can start yet, none is suggested
    assert "  next     stepherd init   (builds the images" in done.stderr
    assert "stepherd run" not in done.stderr
    person.init("--no-image", "--no-api-key", "--git-token-file", str(person.token_file))
    assert stack.parameters["GitCredentialsSecretId"] == _GIT_SECRET


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
def test_agents_keys_are_stored_in_a_secret_of_the_stack_which_its_parameter_names(person: Person) -> None:
    (person.path / "key").write_text(f"{CANARY}\n")
    given = ["--no-git", "--no-image", "--no-api-key"]
    done = person.init(*given, "--agent-key", "claude=file:key")
    secrets, stack = person.account.client("secretsmanager"), person.account.cloudformation.find("stepherd")
    assert stack.parameters["AgentCredentialsSecretId"] == "stepherd/agents/keys"
    held = secrets.get_secret_value(SecretId="stepherd/agents/keys")["SecretString"]
    assert json.loads(held) == {"ANTHROPIC_API_KEY": CANARY}
    assert "Stored the keys of claude" in done.stderr
    # AND another agent's key comes beside it
    person.init(*given, "--agent-key", "codex=env:OPENAI_API_KEY", OPENAI_API_KEY="sk-other")
    held = secrets.get_secret_value(SecretId="stepherd/agents/keys")["SecretString"]
    assert json.loads(held) == {"ANTHROPIC_API_KEY": CANARY, "OPENAI_API_KEY": "sk-other"}
    assert _places_of(CANARY, person) <= {
        ("secretsmanager", "CreateSecret"),
        ("secretsmanager", "PutSecretValue"),
    }
    # AND it goes with the stack
    done = person.stepherd("destroy", "--yes", "stepherd")
    assert "the secret stepherd/agents/keys" in done.stderr
    assert secrets.describe_secret(SecretId="stepherd/agents/keys")["DeletedDate"]


@pytest.mark.exhaustive
def test_an_agent_that_was_given_no_key_is_told_of(person: Person) -> None:
    done = person.init(
        "--no-git", "--no-api-key", "--agents", "claude,q=https://h.example/q.zip#sha256=" + "0" * 64
    )
    assert "stepherd init --agent-key claude=env:ANTHROPIC_API_KEY" in done.stderr


@pytest.mark.exhaustive
def test_a_quota_of_the_account_is_told_as_one_and_images_of_elsewhere_can_be_named(person: Person) -> None:
    said = "Cannot have more than 0 builds in queue for the account"
    person.account.faults.append(Fault("StartBuild", "AccountLimitExceededException", said))
    done = person.init("--no-git", "--no-api-key", code=78)
    assert said in done.stderr
    assert "aws service-quotas list-service-quotas --service-code codebuild" in done.stderr
    assert "docs/how-to-use-the-image.md" in done.stderr
    assert "fault of Stepherd" not in done.stderr
    images = {"GitImage": "h.example/git:1", "AgentImage": "h.example/agent:1"}
    given = [word for name, image in images.items() for word in ("--parameter", f"{name}={image}")]
    person.init("--no-git", "--no-api-key", "--no-image", *given)
    stack = person.account.cloudformation.find("stepherd")
    assert images.items() <= stack.parameters.items()


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
def test_runs_that_are_under_way_are_told_of_and_waited_for_when_that_was_asked_for(person: Person) -> None:
    stack = person.deployed()
    machines, small = person.account.client("stepfunctions"), ("--no-image", "--no-api-key", "--no-git")
    started = machines.start_execution(stateMachineArn=stack.outputs["PipelineArn"], name="run_1", input="{}")
    assert "1 run is under way, and will continue" in person.init(*small).stderr
    changes = person.account.operations().count("CreateChangeSet")
    waiting = person.start("init", "--yes", *small, "--wait-for-runs", "--parameter", "LogRetentionDays=7")
    assert waiting.stderr
    for line in waiting.stderr:
        if "1 run is under way: waiting until none is." in line:
            break
    looked = person.account.operations().count("ListExecutions")
    until(lambda: person.account.operations().count("ListExecutions") > looked + 1 or waiting.poll(), 60)
    assert person.account.operations().count("CreateChangeSet") == changes
    machines.stop_execution(executionArn=started["executionArn"])
    waiting.communicate(timeout=90)
    assert waiting.returncode == 0
    assert stack.parameters["LogRetentionDays"] == "7"


def _current(secrets: Any, name: str) -> str:
    return str(secrets.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"])


def _assert_context(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held = yaml.safe_load(path.read_text())
    context = {"stack": "stepherd", "region": "eu-west-1", "account": "123456789012"}
    assert (held["default_context"], held["contexts"]["aws"]) == ("aws", context)


def _assert_staging_is_private(person: Person) -> None:
    s3 = person.account.client("s3")
    assert set(s3.get_public_access_block(Bucket=_STAGING)["PublicAccessBlockConfiguration"].values()) == {
        True
    }
    encryption = s3.get_bucket_encryption(Bucket=_STAGING)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=_STAGING)["Rules"]
    assert [rule["Expiration"]["Days"] for rule in rules] == [365]
    (statement,) = person.account.policies[_STAGING]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    sent = [
        call for call in person.account.calls if call.service == "s3" and call.operation != "CreateBucket"
    ]
    assert [
        call.path for call in sent if "x-amz-expected-bucket-owner: 123456789012" not in call.headers
    ] == []


def _places_of(secret: str, person: Person) -> set[tuple[str, str]]:
    """The calls that held it. Neither what a command wrote nor any file of its home may have it."""
    assert secret not in person.seen
    for path in person.home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    for stack in person.account.cloudformation.stacks:
        held = json.dumps([stack.template, stack.parameters, stack.outputs, stack.events, stack.tags])
        assert secret not in held
    return {(call.service, call.operation) for call in person.account.calls if _holds(call, secret)}


def _holds(call: Call, secret: str) -> bool:
    return secret.encode() in call.body or secret in call.path or secret in call.headers


def _keys(person: Person) -> list[str]:
    found: dict[str, Any] = person.account.client("s3").list_objects_v2(Bucket=_STAGING)
    return [item["Key"] for item in found["Contents"]]


def _code_of(said: str) -> int:
    return {"holds no private key": 65, "no file": 77}.get(said, 64)


def test_parameters_that_do_not_go_together_are_refused_before_anything_is_made(person: Person) -> None:
    done = person.init("--no-git", "--no-image", "--parameter", "AgentCpu=256", code=64)
    assert "With 256 CPU units Fargate has 512, 1024 or 2048 MiB." in done.stderr
    # AND what the stack has counts
    person.deployed("dev", AgentCpu="4096", AgentMemory="16384")
    words = ("--stack-name", "dev", "--no-git", "--no-image", "--parameter", "AgentMemory=4096")
    assert "With 4096 CPU units" in person.init(*words, code=64).stderr
    assert {"CreateBucket", "CreateChangeSet", "PutObject"} & set(person.account.operations()) == set()


def test_a_context_that_cannot_be_kept_is_found_before_anything_is_made(person: Person) -> None:
    in_the_way = person.path / "file"
    in_the_way.touch()
    done = person.init("--no-git", "--no-image", code=74, STEPHERD_HOME=str(in_the_way))
    assert str(in_the_way) in done.stderr
    # AND a stack beside that of the context would be called as the engine is
    person.home.mkdir(mode=0o700)
    context = {"stack": "one", "region": "eu-west-1", "account": "123456789012"}
    settings = {"default_context": "aws", "contexts": {"aws": context}}
    (person.home / "config.yaml").write_text(json.dumps(settings))
    done = person.init("--no-git", "--no-image", "--stack-name", "local", code=64)
    assert "'local' cannot be the name of a context" in done.stderr
    assert {"CreateBucket", "CreateChangeSet"} & set(person.account.operations()) == set()


def test_a_stack_of_somebody_else_s_is_not_updated(person: Person) -> None:
    foreign = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {},
        "Resources": {"Data": {"Type": "AWS::S3::Bucket", "Properties": {}}},
        "Outputs": {},
    }
    theirs = person.account.cloudformation.deployed("shop", json.dumps(foreign).encode(), {})
    theirs.tags = {}
    done = person.init("--stack-name", "shop", "--no-git", "--no-image", code=64)
    assert "The stack shop in eu-west-1 was not deployed by Stepherd; nothing was changed." in done.stderr
    assert done.stderr.endswith("Choose another name: stepherd init --stack-name NAME\n")
    assert theirs.status == "CREATE_COMPLETE"
    assert {"CreateBucket", "CreateChangeSet", "DeleteStack"} & set(person.account.operations()) == set()
