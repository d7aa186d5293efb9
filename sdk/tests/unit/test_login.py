"""Tokens from a login database, through Stepherd and without it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amazon_q_streaming_client import (
    AccessToken,
    CliDatabaseTokenProvider,
    StepherdUnavailableError,
    TokenError,
    default_database,
    from_cli_database,
    from_stepherd,
)

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/TEAM"
COMPANY = "https://company.awsapps.com/start"


def row(token: str = "tok-1", hours: float = 1, **fields: Any) -> str:
    ends = (datetime.now(UTC) + timedelta(hours=hours)).isoformat().replace("+00:00", "123Z")
    document = {"access_token": token, "expires_at": ends, "refresh_token": "r", "oauth_flow": "Pkce"}
    return json.dumps({**document, **fields})


def chosen(path: Path, value: Any) -> None:
    """Put the chosen profile into ``state``, as the CLIs do."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB)")
        db.execute("INSERT INTO state VALUES ('api.codewhisperer.profile', ?)", (value,))
    db.close()


def database(path: Path, **rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
        for key, value in rows.items():
            db.execute("INSERT INTO auth_kv VALUES (?, ?)", (key.replace("_", ":"), value))
    db.close()
    return path


@pytest.fixture
def no_stepherd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stepherd.logins", None)


def install(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    module = types.ModuleType("stepherd.logins")
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, "stepherd", types.ModuleType("stepherd"))
    monkeypatch.setitem(sys.modules, "stepherd.logins", module)


@pytest.mark.parametrize("key", ["codewhisperer_odic_token", "kirocli_odic_token", "kirocli_social_token"])
def test_the_token_is_read_from_the_database_of_either_cli(
    tmp_path: Path, no_stepherd: None, key: str
) -> None:
    path = database(tmp_path / "odd name?#%.sqlite3", **{key: row()})
    before = path.read_bytes()
    token = from_cli_database(path).get_token()
    assert (token.value, token.expired()) == ("tok-1", False)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


PROFILE = json.dumps({"arn": ARN, "profile_name": "team"})


@pytest.mark.parametrize(
    ("key", "fields", "kind", "arn"),
    [
        ("codewhisperer_odic_token", {"start_url": COMPANY}, "BEARER", ARN),
        ("kirocli_odic_token", {"start_url": COMPANY}, "BEARER", ARN),
        ("codewhisperer_odic_token", {}, "BEARER", None),
        ("codewhisperer_odic_token", {"start_url": None}, "BEARER", None),
        ("codewhisperer_odic_token", {"start_url": "https://view.awsapps.com/start"}, "BEARER", None),
        ("kirocli_social_token", {"provider": "github"}, "BEARER", ARN),
        (
            "kirocli_social_token",
            {"profile_arn": ARN.replace("TEAM", "OWN")},
            "BEARER",
            ARN.replace("TEAM", "OWN"),
        ),
        ("kirocli_external-idp_token", {}, "EXTERNAL_IDP", ARN),
        ("kirocli_social_token", {"profile_arn": 7}, "BEARER", ARN),
    ],
)
def test_a_login_has_its_profile_kind_and_service(
    tmp_path: Path, no_stepherd: None, key: str, fields: dict[str, Any], kind: str, arn: str | None
) -> None:
    path = database(tmp_path / "db", **{key: row(**fields)})
    chosen(path, PROFILE)
    token = from_cli_database(path).get_token()
    assert (token.kind, token.profile_arn) == (kind, arn)
    assert token.service == ("q" if key.startswith("codewhisperer") else "kiro")


@pytest.mark.parametrize(
    ("value", "arn"),
    [
        (PROFILE.encode(), ARN),
        ("null", None),
        (None, None),
        ("{", None),
        (b"\xff", None),
        ('{"arn": "x"}', None),
        ("[" * 100_000, None),
    ],
)
def test_a_profile_that_is_none_leaves_the_token(tmp_path: Path, value: Any, arn: str | None) -> None:
    path = database(tmp_path / "db", codewhisperer_odic_token=row(start_url=COMPANY))
    chosen(path, value)
    assert CliDatabaseTokenProvider(path).get_token().profile_arn == arn


def test_of_several_logins_the_first_that_has_not_ended_is_taken(tmp_path: Path) -> None:
    """GIVEN a database of kiro-cli with rows that it took over from q, THEN its own token is used."""
    rows = {"codewhisperer_odic_token": row("old"), "kirocli_odic_token": row("new")}
    assert CliDatabaseTokenProvider(database(tmp_path / "db", **rows)).get_token().value == "old"
    ours = database(tmp_path / "kiro-cli" / "data.sqlite3", **rows)
    assert CliDatabaseTokenProvider(ours).get_token().value == "new"
    ended = {"codewhisperer_odic_token": row("old", hours=-1), "kirocli_social_token": row("good")}
    assert CliDatabaseTokenProvider(database(tmp_path / "ended", **ended)).get_token().value == "good"


def test_an_ended_token_of_kiro_names_its_cli(tmp_path: Path) -> None:
    path = database(tmp_path / "db", kirocli_social_token=row(hours=-1))
    with pytest.raises(TokenError, match="ended at") as caught:
        CliDatabaseTokenProvider(path).get_token()
    assert "kiro-cli login" in caught.value.remedy


def test_a_row_that_says_logged_out_is_passed_over(tmp_path: Path) -> None:
    path = database(tmp_path / "db", codewhisperer_odic_token="null", kirocli_odic_token=row("kiro"))
    assert CliDatabaseTokenProvider(path).get_token().value == "kiro"


def test_the_database_is_read_again_each_time(tmp_path: Path) -> None:
    path = database(tmp_path / "db", codewhisperer_odic_token=row("one"))
    provider = CliDatabaseTokenProvider(path)
    assert provider.get_token().value == "one"
    with sqlite3.connect(path) as db:
        db.execute("UPDATE auth_kv SET value = ?", (row("two"),))
    db.close()
    assert provider.get_token(refresh=True).value == "two"


def test_a_write_that_was_cut_is_left_to_the_cli(tmp_path: Path) -> None:
    """GIVEN the journal of a write that never ended, WHEN the token is read, THEN nothing is rolled back."""
    path = database(tmp_path / "live", codewhisperer_odic_token=row())
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("UPDATE auth_kv SET value = value || ?", ("x" * 100_000,))
        shutil.copy(path, tmp_path / "copy")
        shutil.copy(f"{path}-journal", tmp_path / "copy-journal")
        db.rollback()
    db.close()
    before = (tmp_path / "copy").read_bytes()
    with pytest.raises(TokenError, match="cannot be read"):
        CliDatabaseTokenProvider(tmp_path / "copy").get_token()
    assert (tmp_path / "copy").read_bytes() == before
    assert (tmp_path / "copy-journal").exists()


def test_an_expired_token_is_refused_with_the_next_step(tmp_path: Path) -> None:
    path = database(tmp_path / "db", codewhisperer_odic_token=row(hours=-1))
    with pytest.raises(TokenError, match="ended at") as caught:
        CliDatabaseTokenProvider(path).get_token()
    assert "stepherd export-token" in caught.value.remedy
    assert "q login" in caught.value.remedy


@pytest.mark.parametrize(
    "value",
    ["null", None, b"blob", "not json", "[]", "{}", '{"access_token": 1, "expires_at": "x"}', row("a b")],
)
def test_a_row_that_is_no_token_is_a_token_error(tmp_path: Path, value: Any) -> None:
    path = database(tmp_path / "db", codewhisperer_odic_token=value)
    with pytest.raises(TokenError) as caught:
        CliDatabaseTokenProvider(path).get_token()
    assert "tok-1" not in str(caught.value)


def test_a_missing_or_foreign_file_is_a_token_error(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="no login database"):
        CliDatabaseTokenProvider(tmp_path / "none").get_token()
    other = tmp_path / "other"
    other.write_text("not a database at all, but long enough to look at" * 10)
    with pytest.raises(TokenError, match="cannot be read"):
        CliDatabaseTokenProvider(other).get_token()
    assert not (tmp_path / "none").exists()


def test_the_default_database_is_that_of_q_and_then_that_of_kiro(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    local = tmp_path / ".local" / "share"
    assert default_database() == local / "amazon-q" / "data.sqlite3"
    kiro = database(local / "kiro-cli" / "data.sqlite3", kirocli_odic_token=row("kiro"))
    assert default_database() == kiro
    assert CliDatabaseTokenProvider().get_token().value == "kiro"
    database(local / "amazon-q" / "data.sqlite3", codewhisperer_odic_token=row("q"))
    assert CliDatabaseTokenProvider().get_token().value == "q"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_database().is_relative_to(tmp_path / "xdg")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_database().is_relative_to(local)


@pytest.mark.parametrize(("system", "folder"), [("darwin", "Application Support"), ("win32", "Local")])
def test_other_systems_have_their_own_folders(
    monkeypatch: pytest.MonkeyPatch, system: str, folder: str
) -> None:
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(sys, "platform", system)
    assert default_database().parent.parent.name == folder


def test_stepherd_is_asked_when_it_offers_a_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Provider:
        def __init__(self, path: Path) -> None:
            self.path = path

        def get_token(self, *, refresh: bool = False) -> AccessToken:
            return AccessToken(f"from-{self.path.name}")

    install(monkeypatch, token_provider=Provider)
    assert from_cli_database(tmp_path / "db").get_token().value == "from-db"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "has no stepherd.logins.token_provider"),
        ({"token_provider": "text"}, "has no stepherd.logins.token_provider"),
        ({"token_provider": lambda path: object()}, "returned no token provider"),
    ],
)
def test_a_stepherd_without_a_provider_is_told_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, members: Any, reason: str
) -> None:
    install(monkeypatch, **members)
    with pytest.raises(StepherdUnavailableError, match=reason) as caught:
        from_stepherd(tmp_path)
    assert "pip install stepherd" in caught.value.remedy
    assert isinstance(from_cli_database(tmp_path), CliDatabaseTokenProvider)


def test_a_missing_stepherd_is_told_with_the_next_step(no_stepherd: None, tmp_path: Path) -> None:
    with pytest.raises(StepherdUnavailableError, match="cannot be imported"):
        from_stepherd(tmp_path)


ENDLESS = """CREATE VIEW auth_kv AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT 'codewhisperer:odic:token' AS key, 'v' AS value FROM n WHERE i < 0"""


def test_a_database_made_to_be_read_for_ever_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "data.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute(ENDLESS)
    db.close()
    with pytest.raises(TokenError, match="interrupted"):
        CliDatabaseTokenProvider(path).get_token()


def test_a_row_of_a_size_that_no_login_has_is_not_read(tmp_path: Path) -> None:
    path = database(tmp_path / "data.sqlite3", codewhisperer_odic_token=row(padding="x" * 2_000_000))
    with pytest.raises(TokenError, match="too big"):
        CliDatabaseTokenProvider(path).get_token()


def test_other_rows_are_not_read_whatever_their_size(tmp_path: Path) -> None:
    rows = {"codewhisperer_odic_token": row(), "history": "x" * 2_000_000}
    path = database(tmp_path / "data.sqlite3", **rows)
    assert CliDatabaseTokenProvider(path).get_token().value == "tok-1"


@pytest.mark.usefixtures("no_stepherd")
def test_without_a_home_folder_the_path_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", classmethod(homeless))
    for ask in (from_cli_database, default_database, CliDatabaseTokenProvider):
        with pytest.raises(TokenError) as caught:
            ask()
        assert "give the path" in caught.value.remedy


def test_stepherd_is_given_a_place_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def provider(path: object) -> CliDatabaseTokenProvider:
        asked.append(path)
        return CliDatabaseTokenProvider("x")

    install(monkeypatch, token_provider=provider)
    from_stepherd("s3://bucket/login")
    from_cli_database("s3://bucket/login")
    from_stepherd()
    assert asked == ["s3://bucket/login", "s3://bucket/login", default_database()]


def test_what_stepherd_refuses_is_a_token_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def provider(path: object) -> None:
        raise LookupError(f"no place {path}")

    install(monkeypatch, token_provider=provider)
    with pytest.raises(TokenError, match="no place x"):
        from_stepherd("x")
