"""Variables of an agent that a request may give, and those that it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.runs.fields import check_fields
from stepherd.runs.prepare import check_whole_request
from stepherd.runs.request import InvalidRequest, Request

GOOD = {"instructions": "s3://bucket/task.md", "repo": "https://example.com/app.git", "command": "true"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def refused(**fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as error:
        check_fields({**GOOD, **fields})
    return error.value


@given(st.sampled_from(["env", "secrets"]), ANYTHING)
def test_nothing_but_an_object_of_texts_is_taken_and_nothing_else_is_raised(field: str, value: Any) -> None:
    try:
        taken = check_fields({**GOOD, field: value})[field]
    except InvalidRequest as error:
        assert error.field == field
        assert error.remedy
    else:
        assert all(type(name) is str and type(each) is str for name, each in taken.items())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("env", {"A": 1}, "The field 'env.A' is not acceptable: it must be text, not a number."),
        ("env", [], "The field 'env' is not acceptable: it must be an object, not a list."),
        ("env", {"A-B": "1"}, "The field 'env' is not acceptable: 'A-B' is not the name of a variable."),
        ("secrets", {"A": ""}, "The field 'secrets.A' is not acceptable: it is empty."),
        ("env", {f"A{n}": "" for n in range(101)}, "it has more than 100 variables."),
        ("env", {f"A{n}": "x" * 8000 for n in range(9)}, "more than 65,536 characters"),
        ("env", {"A": "x\0y"}, "a zero byte"),
        ("secrets", {"A\n": "env:A"}, "a line end"),
    ],
)
def test_a_refusal_names_what_is_wrong(field: str, value: Any, words: str) -> None:
    assert words in str(refused(**{field: value}))


@pytest.mark.parametrize("name", ["HOME", "TMPDIR", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES",
                                  "STEPHERD_TASK", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH"])  # fmt: skip
@pytest.mark.parametrize("field", ["env", "secrets"])
def test_what_a_run_or_the_loader_uses_cannot_be_set(field: str, name: str) -> None:
    assert name in str(refused(**{field: {name: "env:X"}}))


@pytest.mark.parametrize("field", ["env", "secrets"])
@pytest.mark.parametrize(("agent", "refuses"), [("q", True), ("kiro", True), ("claude", False)])
def test_an_agent_with_a_login_is_not_sent_elsewhere_for_it(
    field: str, agent: str, refuses: bool, tmp_path: Path
) -> None:
    task = tmp_path / "task.md"
    task.write_text("Do it.")
    given = {
        "instructions": str(task),
        "repo": GOOD["repo"],
        "agent": agent,
        field: {"XDG_DATA_HOME": "env:X"},
    }
    if not refuses:
        assert check_whole_request("run_1", given)[0].agent == agent
        return
    with pytest.raises(InvalidRequest, match="look for its login there") as error:
        check_whole_request("run_1", given)
    assert error.value.field == field


OF_SECRETS = (
    *("GITHUB_TOKEN", "API_KEY", "OPENAI_API_KEY", "DB_PASSWORD", "client_secret", "AWS_SECRET_ACCESS_KEY"),
    *("GOOGLE_CREDENTIALS", "ANTHROPIC_APIKEY"),
)


@pytest.mark.parametrize("name", OF_SECRETS)
def test_a_secret_by_its_name_is_not_taken_as_a_value(name: str) -> None:
    error = refused(env={name: "canary"})
    assert "canary" not in f"{error} {error.remedy}"
    assert f"--secret {name}=env:{name}" in error.remedy
    check_fields({**GOOD, "env": {name: ""}, "secrets": {"A": "env:A"}})


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "SORT_KEYS", "PASSWORD_FILE", "SECRET_ID", "PATH",
                                  "KEYBOARD", "SECRETARY", "GOOGLE_CREDENTIALS_PATH"])  # fmt: skip
def test_other_names_are_plain(name: str) -> None:
    assert check_fields({**GOOD, "env": {name: "x"}})["env"] == {name: "x"}


def test_a_variable_is_given_once() -> None:
    assert "given twice" in str(refused(env={"A": "1"}, secrets={"A": "env:A"}))


def test_secrets_of_a_machine_are_refused_where_it_is_another() -> None:
    fields = {**GOOD, "secrets": {"A": "env:A"}}
    assert check_fields(fields)["secrets"] == {"A": "env:A"}
    with pytest.raises(InvalidRequest, match="Secrets Manager"):
        check_fields(fields, allow_local=False)


def test_an_agent_without_credentials_refuses_them_instead_of_ignoring_them(tmp_path: Any) -> None:
    (tmp_path / "task.md").write_text("# Do\n")
    given = {**GOOD, "instructions": str(tmp_path / "task.md")}
    check_whole_request("run_1", {**given, "agent_credentials": "none"})
    with pytest.raises(InvalidRequest, match="takes no agent credentials") as error:
        check_whole_request("run_1", {**given, "agent_credentials": "env:KEY"})
    assert "--secret NAME=REF" in error.value.remedy


def test_a_request_of_an_earlier_version_has_no_variables(tmp_path: Any) -> None:
    (tmp_path / "task.md").write_text("# Do\n")
    request, _ = check_whole_request("run_1", {**GOOD, "instructions": str(tmp_path / "task.md")})
    before = {name: value for name, value in request.to_json().items() if name not in {"env", "secrets"}}
    assert Request.from_json(before) == request


@pytest.mark.parametrize(
    "value", [f"ghp_{'a1B2' * 9}", "https://me:pa55word@example.com/x", "user:x@y postgres://u:p@h/db"]
)
def test_a_token_or_a_password_in_an_address_is_not_taken_as_a_value(value: str) -> None:
    error = refused(env={"PLAIN": value})
    assert value not in f"{error} {error.remedy}"


@pytest.mark.parametrize("value", ["https://example.com/a:b@c", "a:b@c", "http://me@host/", "x" * 40])
def test_an_ordinary_value_is_taken(value: str) -> None:
    assert check_fields({**GOOD, "env": {"PLAIN": value}})["env"] == {"PLAIN": value}
