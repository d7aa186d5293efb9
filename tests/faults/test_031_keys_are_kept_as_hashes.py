"""Fault 31: a key is kept only as a hash, shown only by how it begins, and is in no log."""

from __future__ import annotations

import io
from pathlib import Path

import bcrypt
import boto3
import pytest
from tests.e2e.place import Place
from tests.integration.api.fixtures import Api

from stepherd.api_keys.texts import COST
from stepherd.telemetry import logger


def test_the_secret_has_no_key_and_hashes_at_the_cost_that_was_measured(on_s3: Api) -> None:
    key = on_s3.key()
    text = boto3.client("secretsmanager").get_secret_value(SecretId="stack-keys")["SecretString"]
    assert key[16:] not in text
    (entry,) = on_s3.ring.entries()
    assert entry.hash.startswith(f"$2b${COST:02}$")
    assert bcrypt.checkpw(key.encode(), entry.hash.encode())


def test_the_command_line_shows_a_key_once(tmp_path: Path) -> None:
    with Place.at(tmp_path / "place") as place:
        secret = f"file:{tmp_path / 'keys.json'}"
        key = place.cli("keys", "create", "--secret", secret, "--owner", "ada").ok().out.strip()
        listed = place.cli("keys", "list", "--json", API_KEYS_SECRET_ID=secret).ok()
        (row,) = listed.json["keys"]
        assert (row["key"], row["state"], row["owner"]) == (f"{key[:16]}…", "valid", "ada")
        assert key[16:] not in listed.out
        assert "hash" not in row
        assert place.cli("keys", "revoke", "--secret", secret, row["id"]).ok().out == ""
        assert place.cli("keys", "list", "--secret", secret).ok().out.split()[2] == "revoked"
        file = tmp_path / "keys.json"
        assert key[16:] not in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600


def test_no_log_of_the_functions_has_the_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    key, logs = api.key(), io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", logs)
    wrong = key[:16] + "f" * 56
    api.call("POST", "/executions", key, body=api.run())
    api.call("POST", "/executions", key, text='{"run": ')
    api.call("GET", "/executions", wrong)
    api.call("GET", f"/executions/{key}", key)
    out = logs.getvalue()
    assert f'"key_id":"{key[8:16]}"' in out
    assert key[16:] not in out
    assert wrong[16:] not in out
