"""Findings of ``stepherd doctor`` about a stack: with everything in order, and with each thing amiss."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.integration.doctor.conftest import ACCOUNT, REGION, Answer, Deployed
from tests.login_files import a_login

from stepherd.api_keys.ring import KeyRing
from stepherd.cli.commands.doctor import command
from stepherd.cloud.contexts import keep_context
from stepherd.doctor import checked_stack
from stepherd.doctor import images as checks_of_images
from stepherd.doctor.checkup import Finding
from stepherd.logins.kinds import login_kind
from stepherd.logins.opening import open_location
from stepherd.services.secrets.opening import open_document
from stepherd.services.store.opening import open_store

pytestmark = pytest.mark.exhaustive

Instead = Callable[[str, Answer], None]
_GIT_SECRET = "amazon-q-headless/git-credentials"
_DENIED = "User: arn:aws:iam::1:user/u is not authorized to perform: servicequotas:ListServiceQuotas on: x"


def test_a_stack_in_order_has_nothing_but_good_findings(deployed: Deployed) -> None:
    deployed.deploy()
    found = deployed.findings()
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(found, "ok"), found
    assert list(found) == [
        "credentials", "aws clock", "stack", "parameters", "image git", "image agent", "git credentials",
        "login settings", "login mail", "api keys", "dead letters", "alarms",
        "quota fargate", "quota lambda", "quota codebuild", "quota states",
    ]  # fmt: skip
    assert f"{ACCOUNT}:user/moto, {REGION}" in found["credentials"].text
    assert "8 runs at a time" in found["quota fargate"].text
    assert found["api keys"].text == "1 valid, of ada."


def test_without_the_stack_only_that_is_said(deployed: Deployed) -> None:
    found = deployed.findings()
    assert list(found) == ["credentials", "aws clock", "stack"]
    assert found["stack"].status == "problem"
    assert "There is no stack 'stepherd'" in found["stack"].text
    assert "stepherd init" in found["stack"].remedy


def test_credentials_of_another_account_are_a_problem(deployed: Deployed) -> None:
    deployed.deploy()
    deployed.context = replace(deployed.context, account="999999999999")
    found = deployed.findings("credentials")["credentials"]
    assert found.status == "problem"
    assert ACCOUNT in found.text
    assert "999999999999" in found.text
    assert "AWS_PROFILE" in found.remedy


def _refusing(code: str, date: str = "") -> Answer:
    fields = f"<Type>Sender</Type><Code>{code}</Code><Message>m</Message>"
    text = f"<ErrorResponse><Error>{fields}</Error></ErrorResponse>"

    def answer(_: bytes) -> tuple[int, dict[str, str], str]:
        return 403, {"Date": date} if date else {}, text

    return answer


def test_expired_credentials_are_a_problem_that_says_how_to_get_new_ones(
    deployed: Deployed, instead: Instead
) -> None:
    instead("STS", _refusing("ExpiredToken"))
    found = deployed.findings("credentials")["credentials"]
    assert (found.status, "ExpiredToken" in found.text, "aws sso login" in found.remedy) == (
        "problem",
        True,
        True,
    )


@pytest.mark.parametrize(("minutes", "status"), [(-1, "problem"), (5, "warning"), (120, "ok")])
def test_the_end_of_credentials_is_told(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, minutes: int, status: str
) -> None:
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "testing")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", until.isoformat())
    found = deployed.findings("credentials")
    assert found["credentials"].status == status, found
    assert "until" in found["credentials"].text if minutes > 0 else "expired" in found["credentials"].text


def test_without_credentials_every_finding_says_how_to_log_in(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = deployed.findings()
    assert {name: one.status for name, one in found.items()} == {"credentials": "problem", "stack": "problem"}
    assert "aws sso login" in found["credentials"].remedy


@pytest.mark.parametrize(
    ("seconds", "status", "word"),
    [
        (3600, "problem", "behind"),
        (-3600, "problem", "ahead"),
        (90, "warning", "behind"),
        (3, "ok", "agrees"),
    ],
)
def test_the_clock_is_held_against_that_of_aws_even_where_aws_refuses(
    deployed: Deployed, instead: Instead, seconds: int, status: str, word: str
) -> None:
    instead("STS", _refusing("SignatureDoesNotMatch", formatdate(time.time() + seconds, usegmt=True)))
    found = deployed.findings("credentials")["aws clock"]
    assert (found.status, word in found.text) == (status, True), found
    assert ("timedatectl" in found.remedy) == (status != "ok")


@pytest.mark.parametrize(
    ("status", "finding", "remedy"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "warning", "stepherd init"),
        ("UPDATE_IN_PROGRESS", "warning", "aws cloudformation describe-stack-events"),
        ("ROLLBACK_COMPLETE", "problem", "stepherd init"),
        ("DELETE_FAILED", "problem", "stepherd destroy"),
        ("UPDATE_ROLLBACK_FAILED", "problem", "stepherd init"),
    ],
)
def test_a_stack_between_states_comes_with_the_next_command(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, status: str, finding: str, remedy: str
) -> None:
    deployed.deploy()
    found_stack = checked_stack.find_stack

    def in_status(*given: Any) -> Any:
        return replace(found_stack(*given), status=status)

    monkeypatch.setattr(checked_stack, "find_stack", in_status)
    found = deployed.findings("stack")["stack"]
    assert found.status == finding
    assert found.remedy.startswith(remedy)


def test_parameters_of_another_version_are_told(deployed: Deployed) -> None:
    deployed.deploy(without=("AgentMemory", "DefaultRepo"))
    found = deployed.findings("parameters")["parameters"]
    assert (found.status, found.remedy) == ("warning", "stepherd init")
    assert "lacks AgentMemory, DefaultRepo" in found.text
    deployed.context = replace(deployed.context, name="dev")
    elsewhere = deployed.findings("parameters")["parameters"]
    assert elsewhere.remedy == "stepherd init --name dev"


def test_a_stack_that_does_not_look_for_subscribers_is_told(deployed: Deployed) -> None:
    deployed.deploy(LoginSubscribers="UNCHECKED")
    assert deployed.findings("parameters")["parameters"].status == "warning"


def test_an_image_that_is_not_there_is_a_problem_and_one_elsewhere_is_left_alone(deployed: Deployed) -> None:
    deployed.deploy(GitImage=f"{deployed.repository}:git-0", AgentImage="registry.example.com/agent:1")
    found = deployed.findings("images")
    assert (found["image git"].status, found["image git"].remedy) == ("problem", "stepherd init")
    assert "'git-0'" in found["image git"].text
    assert found["image agent"].status == "ok"


def test_the_images_that_no_build_has_replaced_yet_are_a_problem(deployed: Deployed) -> None:
    deployed.deploy(GitImage="stepherd/git:latest", AgentImage="stepherd/agent:latest")
    found = deployed.findings("images")
    assert [found[f"image {target}"].status for target in ("git", "agent")] == ["problem", "problem"]


def test_a_newer_build_of_the_same_target_is_told(deployed: Deployed) -> None:
    deployed.deploy()
    time.sleep(1.1)  # moto keeps the time of a push in whole seconds
    deployed.push_image("agent-2b")
    found = deployed.findings("images")
    assert found["image git"].status == "ok"
    assert found["image agent"].status == "warning"
    assert "agent-2b" in found["image agent"].text


def test_an_old_image_is_told(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.deploy()
    monkeypatch.setattr(checks_of_images, "_OLD_DAYS", -1)
    assert deployed.findings("images")["image agent"].status == "warning"


def test_missing_git_credentials_come_with_the_command_that_makes_them(deployed: Deployed) -> None:
    deployed.deploy()
    secrets = deployed.client("secretsmanager")
    secrets.delete_secret(SecretId="amazon-q-headless/git-credentials", RecoveryWindowInDays=7)
    about_to_go = deployed.findings("secrets")["git credentials"]
    assert (about_to_go.status, "restore-secret" in about_to_go.remedy) == ("problem", True)
    secrets.restore_secret(SecretId="amazon-q-headless/git-credentials")
    secrets.delete_secret(SecretId="amazon-q-headless/git-credentials", ForceDeleteWithoutRecovery=True)
    gone = deployed.findings("secrets")["git credentials"]
    assert gone.status == "problem"
    assert "aws secretsmanager create-secret --name amazon-q-headless/git-credentials" in gone.remedy


@pytest.mark.parametrize("default_repo", ["", "https://git.example.com/me/x"])
def test_a_git_token_that_is_not_bound_to_hosts_is_told(deployed: Deployed, default_repo: str) -> None:
    deployed.deploy(DefaultRepo=default_repo)

    def found(value: str) -> Finding:
        deployed.client("secretsmanager").put_secret_value(SecretId=_GIT_SECRET, SecretString=value)
        return deployed.findings("secrets")["git credentials"]

    plain = found('{"token": "t0ken-without-a-prefix", "email": "ada@example.com"}')
    assert (plain.status, plain.remedy) == ("warning", "stepherd init --git-hosts github.com")
    goes = "to git.example.com, and where" if default_repo else "only where"
    assert f"{goes} --repo is typed" in plain.text
    by_prefix = found('{"token": "glpat-0123456789"}')
    goes = "to git.example.com and gitlab.com, and" if default_repo else "to gitlab.com, and"
    assert (by_prefix.status, goes in by_prefix.text) == ("warning", True)
    bound = found('{"token": "t0ken-without-a-prefix", "hosts": "GitHub.com"}')
    assert (bound.status, bound.text.endswith(", for github.com")) == ("ok", True)
    assert found('{"ssh_key": "x"}').status == "ok"
    wrong = found('{"token": "t0ken-without-a-prefix", "hosts": "*"}')
    assert (wrong.status, "not a host" in wrong.text) == ("problem", True)
    for each in (plain, by_prefix, bound, wrong):
        assert "t0ken" not in f"{each}"
        assert "0123456789" not in f"{each}"


def test_no_git_credentials_at_all_are_a_warning_and_other_secrets_are_looked_for(deployed: Deployed) -> None:
    deployed.deploy(GitCredentialsSecretId="", AgentCredentialsSecretId="keys-of-agents")
    found = deployed.findings("secrets")
    assert found["git credentials"].status == "warning"
    assert found["agent credentials"].status == "problem"


def test_an_api_without_keys_is_told_and_so_is_a_key_that_ends_soon(deployed: Deployed) -> None:
    deployed.deploy()
    ring = KeyRing(open_document(deployed.keys))
    (ada,) = ring.entries()
    ring.revoke(ada.id)
    found = deployed.findings("api keys")["api keys"]
    assert (found.status, found.remedy) == ("warning", "stepherd keys create --owner NAME")
    ring.create("bo", "runs:read", datetime.now(UTC) + timedelta(days=3))
    soon = deployed.findings("api keys")["api keys"]
    assert (soon.status, soon.remedy) == ("warning", "stepherd keys create --owner bo")


def _subscriptions(*rows: tuple[str, str, str]) -> Answer:
    members = "".join(
        f"<member><Protocol>{protocol}</Protocol><Endpoint>{endpoint}</Endpoint>"
        f"<SubscriptionArn>{arn}</SubscriptionArn></member>"
        for protocol, endpoint, arn in rows
    )
    name = "ListSubscriptionsByTopic"
    result = f"<{name}Result><Subscriptions>{members}</Subscriptions></{name}Result>"
    return lambda _: (200, {}, f"<{name}Response>{result}</{name}Response>")


def test_mail_that_is_not_confirmed_is_told_with_the_command_that_sends_it_again(
    deployed: Deployed, instead: Instead
) -> None:
    deployed.deploy()
    instead(
        "SNS", _subscriptions(("email", "a@example.com", "PendingConfirmation"), ("lambda", "f", "arn:f"))
    )
    found = deployed.findings("login mail")["login mail"]
    assert found.status == "warning"
    assert "a@example.com has not confirmed" in found.text
    assert "--notification-endpoint a@example.com" in found.remedy


def test_a_topic_without_subscribers_asks_nobody_and_hears_nothing(
    deployed: Deployed, instead: Instead
) -> None:
    deployed.deploy()
    instead("SNS", _subscriptions())
    found = deployed.findings("login mail")
    assert (found["login mail"].status, found["login approval"].status) == ("warning", "problem")
    assert "aws sns subscribe" in found["login mail"].remedy


@pytest.mark.parametrize(
    ("logical", "words"),
    [("DeadLetterQueue", "could not be delivered"), ("RunDeadLetterQueue", "RequestQueued logs why")],
)
def test_dead_letters_are_counted(deployed: Deployed, logical: str, words: str) -> None:
    deployed.deploy()
    assert deployed.findings("dead letters")["dead letters"].status == "ok"
    queue = deployed.part(logical)
    for _ in range(2):
        deployed.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    found = deployed.findings("dead letters")["dead letters"]
    assert (found.status, found.text.split()[0]) == ("warning", "2")
    assert words in found.text
    assert f"aws sqs receive-message --queue-url {queue}" in found.remedy


def test_alarms_that_are_raised_are_told_in_their_own_words_and_those_of_other_stacks_not(
    deployed: Deployed,
) -> None:
    deployed.deploy()
    deployed.alarm("stepherd-dev-RunsFailAlarm-4D5E6F", "ALARM")
    assert deployed.findings("alarms")["alarms"].text == "1, none of them raised."
    deployed.alarm("stepherd-RunsFailAlarm-1A2B3C", "ALARM")
    found = deployed.findings("alarms")["alarm"]
    assert (found.status, found.text) == ("warning", "Runs have failed.")


@pytest.mark.parametrize(("cpus", "status"), [(1.0, "problem"), (2.0, "warning"), (4.0, "ok")])
def test_a_quota_that_has_no_room_for_an_agent_is_a_problem(
    deployed: Deployed, cpus: float, status: str
) -> None:
    deployed.deploy()
    deployed.quotas.rows["fargate"][1] = ("Fargate On-Demand vCPU resource count", "L-1", cpus)
    deployed.quotas.rows["lambda"] = [("Concurrent executions", "L-2", 10.0)]
    found = deployed.findings("quotas")
    assert found["quota fargate"].status == status
    assert ("--service-code fargate --quota-code L-1" in found["quota fargate"].remedy) == (status != "ok")
    assert found["quota lambda"].status == "warning"


def test_an_account_that_may_build_nothing_is_told_of_with_the_command_that_asks_for_more(
    deployed: Deployed,
) -> None:
    deployed.deploy()
    deployed.quotas.rows["codebuild"][1] = (
        "Concurrently running builds for ARM/Small environment",
        "L-5",
        0.0,
    )
    found = deployed.findings("quotas")["quota codebuild"]
    assert found.status == "warning"
    assert "--service-code codebuild --quota-code L-5 --desired-value 1" in found.remedy


def test_a_stack_whose_agents_are_on_spot_has_another_quota(deployed: Deployed) -> None:
    deployed.deploy(AgentCapacity="FARGATE_SPOT")
    found = deployed.findings("quotas")["quota fargate"]
    assert (found.status, found.text.split(",")[0]) == ("problem", "Fargate has 1 vCPU")
    assert "--quota-code L-0" in found.remedy


def test_what_may_not_be_looked_at_is_said_and_is_no_problem(deployed: Deployed) -> None:
    deployed.deploy()
    deployed.quotas.refusal = _DENIED
    found = deployed.findings("quotas", "dead letters")
    assert (found["quotas"].status, found["quotas"].remedy) == (
        "warning",
        "Allow servicequotas:ListServiceQuotas on it for the role in use.",
    )
    assert "problem" not in {one.status for one in found.values()}


def test_a_stack_whose_agent_needs_a_login_that_nobody_gave_is_told(deployed: Deployed) -> None:
    deployed.deploy(DefaultAgent="q")
    found = deployed.findings("logins")["login q"]
    assert (found.status, found.remedy) == ("warning", "stepherd login --agent q")


def test_the_login_that_a_stack_keeps_is_judged(deployed: Deployed) -> None:
    deployed.deploy(DefaultAgent="q")
    deployed.findings("stack")  # from here on in the stack's region
    store = open_store("s3://runs")
    open_location(login_kind("q"), None, store).save(a_login(ends=timedelta(days=3650)), None)
    found = deployed.findings("logins")["login q"]
    assert found.status == "ok", found
    assert "until" in found.text


def _main(*words: str, home: Path) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(command, [*words, "--json", "--home", str(home)], standalone_mode=False)
    return int(done.return_value), json.loads(done.stdout)


def test_the_command_checks_the_stack_of_its_context(deployed: Deployed) -> None:
    deployed.deploy(GitCredentialsSecretId="other")
    keep_context(deployed.home, deployed.context, default=True)
    code, answer = _main(home=deployed.home)
    found = {one["name"]: one for one in answer["findings"]}
    assert (code, answer["ok"]) == (78, False)
    assert {"python", "git", "stack", "quota fargate"} <= found.keys()
    assert [name for name, one in found.items() if one["status"] == "problem"] == ["git credentials"]
    assert not {"journal", "aws credentials"} & found.keys()
    code, answer = _main("--context", "local", home=deployed.home)
    assert "journal" in {one["name"] for one in answer["findings"]}


def test_a_context_that_is_not_there_is_a_problem_beside_the_other_findings(tmp_path: Path) -> None:
    code, answer = _main("--context", "elsewhere", home=tmp_path)
    assert code == 78
    assert answer["findings"][0]["name"] == "context"
    assert "stepherd configure" in answer["findings"][0]["remedy"]
    assert "git" in {one["name"] for one in answer["findings"]}
