"""The secrets that a step's process holds before it reads any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepherd.steps.held_secrets import held_secrets

KEY = "cAn4ry-key-0123456789"


@pytest.fixture(autouse=True)
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_they_are_told_by_the_names_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", KEY)
    monkeypatch.setenv("SOME_SECRET_ID", "a-reference-0123456789")
    found = set(held_secrets())
    assert KEY in found
    assert "a-reference-0123456789" not in found


def test_the_path_of_a_file_and_other_words_with_key_are_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSH_KEY", str(tmp_path))
    monkeypatch.setenv("DEPLOY_KEY", f"/{KEY}")
    monkeypatch.setenv("GNOME_KEYRING_CONTROL", "/run/user/1000/keyring-nowhere")
    found = set(held_secrets())
    assert str(tmp_path) not in found
    assert "/run/user/1000/keyring-nowhere" not in found
    assert f"/{KEY}" in found


def test_a_reference_names_a_variable_of_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", KEY)
    assert KEY not in set(held_secrets(None, "file:/x", ""))
    assert KEY in set(held_secrets(None, "env:GATEWAY"))


def test_the_parts_of_a_secret_in_json_are_secrets_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SECRET", json.dumps({"token": KEY, "username": "ann-of-team"}))
    monkeypatch.setenv("ODD_SECRET", "{not JSON")
    assert {KEY, "ann-of-team", "{not JSON"} <= set(held_secrets())


def test_those_of_the_aws_session_are_held_whatever_they_came_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A role's are in no variable; here they come from a file."""
    pytest.importorskip("botocore.session")
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {KEY}\n"
        f"aws_session_token = {KEY[::-1]}\n"
    )
    assert {KEY, KEY[::-1]} <= set(held_secrets())
    (tmp_path / "credentials").unlink()
    assert KEY not in set(held_secrets())
