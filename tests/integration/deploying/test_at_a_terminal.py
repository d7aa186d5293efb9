"""``stepherd init`` and ``destroy`` at a terminal: what is asked, what is not shown, and a live picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from tests.integration.cli.conftest import Terminal
from tests.integration.deploying.conftest import CANARY, Person


@pytest.fixture
def terminal(person: Person) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*words: str) -> Terminal:
        place = SimpleNamespace(environment={**person.environment, "TERM": "xterm"}, path=person.path)
        opened.append(Terminal(place, list(words), columns=100))  # type: ignore[arg-type]
        return opened[-1]

    yield start
    for one in opened:
        one.put_away()


def test_a_person_is_asked_for_what_is_not_said_and_a_token_is_not_shown(
    person: Person, terminal: Callable[..., Terminal]
) -> None:
    shown = terminal("init", "--no-api-key", "--no-image")
    shown.expect("Git access of the tasks")
    assert "Account  123456789012" in shown.screen
    shown.press("token\r")
    shown.expect("Token (not shown)")
    shown.press(f"{CANARY}\r")
    shown.expect("Hosts that the token is for")
    shown.press("\r")
    shown.expect("Mail address")
    shown.press("ada@example.com\r")
    shown.expect("Deploy this?")
    assert "CreateBucket" not in person.account.operations()
    shown.press("y\r")
    assert shown.end(60) == 0
    assert CANARY not in shown.raw
    assert "done, " in shown.raw  # The live picture; what is over leaves no line.
    assert "CREATE_COMPLETE" not in shown.screen
    stack = person.account.cloudformation.find("stepherd")
    assert stack.parameters["LoginEmail"] == "ada@example.com"
    secret = person.account.client("secretsmanager").get_secret_value(
        SecretId="amazon-q-headless/git-credentials"
    )
    assert CANARY in secret["SecretString"]


@pytest.mark.exhaustive
def test_a_person_is_asked_for_the_keys_of_the_agents_that_were_chosen(
    person: Person, terminal: Callable[..., Terminal]
) -> None:
    shown = terminal("init", "--no-api-key", "--no-git", "--email", "a@b.example")
    shown.expect("Agents in the image")
    shown.press("claude,codex\r")
    shown.expect("Key of claude, ANTHROPIC_API_KEY")
    shown.press(f"{CANARY}\r")
    shown.expect("Key of codex, CODEX_API_KEY")
    shown.press("\r")
    shown.expect("Deploy this?")
    shown.press("y\r")
    assert shown.end(60) == 0
    assert CANARY not in shown.raw
    assert "--agent-key codex=env:CODEX_API_KEY" not in shown.raw  # The stack has a secret for it.
    secret = person.account.client("secretsmanager").get_secret_value(SecretId="stepherd/agents/keys")
    assert CANARY in secret["SecretString"]


def test_who_says_no_has_nothing(person: Person, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("init", "--no-git", "--email", "a@b.example", "--no-image")
    shown.expect("Deploy this?")
    shown.press("n\r")
    assert shown.end() == 130
    assert person.account.cloudformation.stacks == []
    assert person.account.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.exhaustive
def test_only_the_stacks_name_removes_it(person: Person, terminal: Callable[..., Terminal]) -> None:
    stack = person.deployed()
    shown = terminal("destroy")
    shown.expect("Type the stack's name")
    shown.press("yes\r")
    assert shown.end() == 64
    assert stack.status == "CREATE_COMPLETE"
    shown = terminal("destroy")
    shown.expect("Type the stack's name")
    shown.press("stepherd\r")
    assert shown.end(60) == 0
    assert stack.status == "DELETE_COMPLETE"
