"""Secrets from the environment and from files, whose values no error shows."""

import os
from pathlib import Path

import pytest

from stepherd.errors import CredentialsError, DataError, StepherdError, UsageError
from stepherd.services.secrets.contract import SecretNotFound
from stepherd.services.secrets.opening import read_secret

CANARY = "canary-3fa9c1"


@pytest.mark.parametrize("reference", ["", "none"])
def test_no_reference_is_no_secret(reference: str) -> None:
    assert read_secret(reference) is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("s3cr3t", {"token": "s3cr3t"}),
        (" s3cr3t\n", {"token": "s3cr3t"}),
        ('{"username": "me", "token": "t"}', {"username": "me", "token": "t"}),
        ("{}", {}),
        ('"quoted"', {"token": '"quoted"'}),
        (
            '{"a": "t", "port": 5432, "version": 3.10, "on": true}',
            {"a": "t", "port": "5432", "version": "3.10", "on": "true"},
        ),
        ('{"a": "t", "no": null}', {"a": "t"}),
        ('{"n": 123456789012345678901234567890123456}', {"n": "123456789012345678901234567890123456"}),
        (
            '{"db": {"user": "me", "ports": [1, 2]}}',
            {"db": '{"user": "me", "ports": [1, 2]}', "db.user": "me", "db.ports.0": "1", "db.ports.1": "2"},
        ),
        ('{"db.user": "mine", "db": {"user": "me"}}', {"db.user": "mine", "db": '{"user": "me"}'}),
    ],
)
def test_json_objects_and_bare_text_are_secrets(
    text: str, fields: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SECRET", text)
    path = tmp_path / "a secret"
    path.write_text(text)
    assert read_secret("env:GIT_SECRET") == fields
    assert read_secret(f"file:{path}") == fields
    assert read_secret(path.as_uri()) == fields


@pytest.mark.parametrize(
    "text",
    [
        f'{{"token": "{CANARY}"',
        f"{CANARY}\0",
        CANARY + "x" * 65_536,
        '{"a":' * 50_000 + CANARY,
    ],
)
def test_a_value_of_another_shape_is_refused_unseen(text: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_secret(f"file:{path}")
    seen: BaseException | None = caught.value
    while seen is not None:  # a traceback prints causes too
        assert CANARY not in str(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        read_secret(f"file:{path}")


def test_an_unset_variable_names_itself_and_the_way_to_set_it() -> None:
    with pytest.raises(SecretNotFound, match=r"'NOT_SET_HERE'.*export NOT_SET_HERE"):
        read_secret("env:NOT_SET_HERE")


def test_an_empty_secret_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SECRET", " \n")
    with pytest.raises(SecretNotFound, match="empty"):
        read_secret("env:GIT_SECRET")


def test_a_missing_file_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="no file") as caught:
        read_secret(f"file:{tmp_path}/absent")
    assert caught.value.exit_code == 77


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_not_a_file_is_refused_without_waiting(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(DataError, match="not a file"):
        read_secret(f"file:{path}")


@pytest.mark.parametrize("reference", ["env:", "file:", "file:a\0b"])
def test_a_reference_that_names_nothing_is_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        read_secret(reference)


@pytest.mark.parametrize(
    "token", ["ghp_0123456789abcdef", "glpat-x", '{"token": "x"}', "two words", "line\n"]
)
def test_a_secret_given_in_place_of_a_reference_is_neither_sent_nor_shown(token: str) -> None:
    with pytest.raises(StepherdError) as caught:
        read_secret(token)
    assert isinstance(caught.value, UsageError)
    assert token not in str(caught.value)
