"""Fault 31: a key is kept only as a hash, shown only by how it begins, and is in no log."""

from __future__ import annotations

import os
from pathlib import Path

import bcrypt
import boto3
import pytest
from tests.e2e.place import Place
from tests.integration.api.fixtures import Api

from stepherd.api.key_texts import COST


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
        assert os.stat(file).st_mode & 0o777 == 0o600


def test_no_log_of_the_functions_has_the_key(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    key = api.key()
    wrong = key[:16] + "f" * 56
    api.call("POST", "/executions", key, body=api.run())
    api.call("POST", "/executions", key, text='{"run": ')
    api.call("GET", "/executions", wrong)
    api.call("GET", f"/executions/{key}", key)
    out = "".join(capsys.readouterr())
    assert '"key_id":"' in out.replace(": ", ":")
    assert key[16:] not in out.replace(f"executions/{key}", "").replace(f'"run_id":"{key}"', "")
    assert wrong[16:] not in out
