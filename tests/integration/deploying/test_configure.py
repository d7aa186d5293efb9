"""``stepherd configure``: a stack that is there becomes a context, and nothing on AWS is changed."""

from __future__ import annotations

import json

import pytest
from tests.integration.deploying.conftest import Person

from stepherd.cloud.contexts import Context, read_contexts


def test_the_only_stack_becomes_the_default_context(person: Person) -> None:
    person.deployed("somewhere")
    done = person.stepherd("configure", "--json")
    assert json.loads(done.stdout)["stack"] == "somewhere"
    contexts = read_contexts(person.home)
    assert contexts.default == "aws"
    assert contexts.known["aws"] == Context("aws", "somewhere", "eu-west-1", "123456789012")
    reading = ("Get", "Describe", "List")
    assert [name for name in person.account.operations() if not name.startswith(reading)] == []


def test_one_of_several_must_be_named(person: Person) -> None:
    for name in ("one", "two"):
        person.deployed(name)
    done = person.stepherd("configure", code=64)
    assert "There are 2 stacks in eu-west-1: one, two." in done.stderr
    person.stepherd("configure", "--stack-name", "two", "--name", "second")
    # A context that is not named is not written over by another stack.
    person.stepherd("configure", "--stack-name", "one")
    known = read_contexts(person.home).known
    assert {name: context.stack for name, context in known.items()} == {"second": "two", "one": "one"}
    assert person.stepherd("configure", "--list").stdout.split() == [
        *("one", "CREATE_COMPLETE", "two", "CREATE_COMPLETE")
    ]


def test_where_there_is_none_it_says_where_it_looked(person: Person) -> None:
    done = person.stepherd("configure", code=66)
    assert "No stack in eu-west-1 of the account 123456789012" in done.stderr
    assert "stepherd init" in done.stderr


def test_a_stack_that_is_not_whole_is_no_context(person: Person) -> None:
    stack = person.deployed()
    del stack.outputs["PipelineArn"]
    done = person.stepherd("configure", code=78)
    assert "has no output PipelineArn" in done.stderr
    assert read_contexts(person.home).known == {}


@pytest.mark.parametrize(
    "words", [["init", "--yes", "--no-git"], ["configure"], ["destroy", "--yes", "stepherd"]], ids=str
)
def test_without_boto3_it_says_how_to_install_it(person: Person, words: list[str]) -> None:
    for name in ("boto3", "botocore"):
        text = f"raise ModuleNotFoundError('No module named {name}', name='{name}')\n"
        (person.path / "stand-ins" / f"{name}.py").write_text(text)
    done = person.stepherd(*words, code=78)
    assert "pip install 'stepherd[aws]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_region_must_be_chosen(person: Person) -> None:
    del person.environment["AWS_DEFAULT_REGION"]
    assert "Use --region" in person.stepherd("configure", code=78).stderr
