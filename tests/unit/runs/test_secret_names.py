"""Which secrets a request may name on a stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.aws_grants import ROOT, Need, Stack

from stepherd.runs.prepare import check_whole_request
from stepherd.runs.request import InvalidRequest
from stepherd.runs.secret_names import VARIABLES, check_secret_names
from stepherd.services.template_text import read_template

ROLES = {"git_credentials": "GitTaskRole", "agent_credentials": "AgentTaskRole"}
OUTPUTS = {"git_credentials": "GitSecrets", "agent_credentials": "AgentSecrets"}
TEMPLATE = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
STACKS = [
    Stack(TEMPLATE, parameters, {"Bucket": "bucket"})
    for parameters in (
        {},
        {"GitCredentialsSecretId": "own/git", "AgentCredentialsSecretId": "own/agents"},
        {"GitCredentialsSecretId": f"{ARN}own/git-AbCdEf", "AgentCredentialsSecretId": f"{ARN}own/agents"},
    )
]
NAMES = st.one_of(
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(
                ["", ARN, ARN.replace("us-east-1", "eu-west-1"), ARN.replace("123456789012", "210987654321")]
            ),
            st.sampled_from(
                ["stepherd/git/", "stepherd/agents/", "stepherd/", "amazon-q-headless/git-",
                 "amazon-q-headless/agent-", "amazon-q-headless/", "own/git", "own/agents", ""]
            ),
            st.text("abG6/-_", max_size=8),
        ),
    ),
)  # fmt: skip


def said(stack: Stack, field: str) -> str:
    text: str = stack.value(TEMPLATE["Outputs"][OUTPUTS[field]]["Value"])
    return text


@pytest.mark.parametrize("field", VARIABLES)
@given(name=NAMES, stack=st.sampled_from(STACKS))
def test_what_is_let_through_can_be_read_by_the_role_of_its_task(field: str, name: str, stack: Stack) -> None:
    fields = {field: name}
    whole = name if name.startswith("arn:") else f"{ARN}{name}"
    # An ARN may be given without the six characters; Secrets Manager finds it all the same.
    forms = {whole, f"{whole}-AbCdEf"}
    readable = any(stack.allows(ROLES[field], Need("secretsmanager:GetSecretValue", form)) for form in forms)
    try:
        check_secret_names(fields, {field: said(stack, field)})
    except InvalidRequest:
        return
    assert name == "" or readable


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("git_credentials", "stepherd/git/team"),
        ("git_credentials", "amazon-q-headless/git-credentials"),
        ("git_credentials", f"{ARN}amazon-q-headless/git-other-AbCdEf"),
        ("git_credentials", "none"),
        ("git_credentials", f"{ARN}amazon-q-headless/git-credentials-AbCdEf"),
        ("agent_credentials", "stepherd/agents/claude"),
        ("agent_credentials", "amazon-q-headless/agent-keys"),
        ("agent_credentials", ""),
    ],
)
def test_what_the_roles_can_read_may_be_named_by_name_and_by_arn(field: str, name: str) -> None:
    check_secret_names({field: name}, {field: said(STACKS[0], field)})


@pytest.mark.parametrize("name", ["own/git", f"{ARN}own/git", f"{ARN}own/git-AbCdEf"])
@pytest.mark.parametrize("stack", STACKS[1:])
def test_the_stack_s_own_secret_may_be_named_however_it_is_written(stack: Stack, name: str) -> None:
    check_secret_names({"git_credentials": name}, {"git_credentials": said(stack, "git_credentials")})


@pytest.mark.parametrize(
    ("field", "name", "says"),
    [
        ("agent_credentials", "my/key", "--name stepherd/agents/NAME"),
        ("git_credentials", "other/id", "--name stepherd/git/NAME"),
        ("agent_credentials", "amazon-q-headless/git-credentials", "may not read"),
        ("git_credentials", f"{ARN}my/key-AbCdEf", "may not read"),
        ("git_credentials", "stepherd/git/", "may not read"),
        ("git_credentials", "env:TOKEN", "a secret on a machine"),
        ("git_credentials", "ghp_aVerySecretToken", "may not read"),
    ],
)
def test_another_is_refused_before_anything_is_paid_for_with_the_words_that_mend_it(
    field: str, name: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLES[field], said(STACKS[0], field))
    (tmp_path / "instructions.md").write_text("# Do\n")
    request = {
        "instructions": str(tmp_path),
        "repo": "https://h.example/r",
        "command": "true",
        field: name,
    }
    with pytest.raises(InvalidRequest, match=re.escape(says)) as refused:
        check_whole_request("run_1", request)
    assert refused.value.field == field
    assert name not in str(refused.value) or name == "stepherd/git/"


def test_on_a_laptop_any_secret_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    laptop = Stack(TEMPLATE, {"RequestSecrets": "ANY"}, {"Bucket": "bucket"})
    variables = laptop.value(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    for field, variable in VARIABLES.items():
        monkeypatch.setenv(variable, variables[variable])
        check_secret_names({field: "my/key"})
        check_secret_names({field: "my/key"}, {field: said(laptop, field)})


def test_functions_are_told_what_the_stack_tells() -> None:
    variables = STACKS[1].value(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    assert {field: variables[name] for field, name in VARIABLES.items()} == {
        field: said(STACKS[1], field) for field in VARIABLES
    }
