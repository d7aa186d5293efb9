"""The kinds of logins, and what the environment changes of them."""

import json
import os
from pathlib import Path

import pytest

from stepherd.agents.environment import agent_environment
from stepherd.errors import ConfigurationError, UsageError
from stepherd.logins.kinds import login_kind, login_kinds, user_database


def test_there_are_q_and_kiro() -> None:
    assert login_kinds() == ("q", "kiro")
    assert login_kind("q").row == "codewhisperer:odic:token"
    assert login_kind("kiro").folder == "kiro-cli"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="q, kiro"):
        login_kind("claude")


def test_kiros_names_can_be_changed_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {"folder": "kiro/cli-3", "row": "kiro:token", "scopes": ["one"], "other_rows": []}
    monkeypatch.setenv("STEPHERD_KIRO_LOGIN", json.dumps(changed))
    kind = login_kind("kiro")
    assert (kind.folder, kind.row, kind.scopes, kind.other_rows) == ("kiro/cli-3", "kiro:token", ("one",), ())
    assert kind.client_name == "Kiro CLI"
    assert login_kind("q").folder == "amazon-q"


def test_the_variable_may_name_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kiro.json").write_text('{"title": "Kiro 3"}')
    monkeypatch.setenv("STEPHERD_KIRO_LOGIN", str(tmp_path / "kiro.json"))
    assert login_kind("kiro").title == "Kiro 3"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"tokens": "x"}', "unknown field 'tokens'"),
        ('{"name": "x"}', "unknown field 'name'"),
        ('{"row": 1}', "not plain text"),
        ('{"row": "a\\nb"}', "not plain text"),
        ('{"scopes": "x"}', "not a list"),
        ('{"scopes": [1]}', "not a list"),
        ('{"row": ""}', "leaves a name empty"),
        ('{"row": "kirocli:odic:device-registration"}', "uses one twice"),
        ('{"folder": "/etc"}', "not below"),
        ('{"folder": "../x"}', "not below"),
        ('{"folder": "."}', "not below"),
        ("{", "not valid JSON"),
        ("{" * 100_000, "not valid JSON"),
        ("/no/such/file", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPHERD_KIRO_LOGIN", value)
    with pytest.raises(ConfigurationError, match=reason) as caught:
        login_kind("kiro")
    assert "STEPHERD_KIRO_LOGIN" in caught.value.message


def test_a_file_with_something_else_than_an_object_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "list.json").write_text("[]")
    monkeypatch.setenv("STEPHERD_KIRO_LOGIN", str(tmp_path / "list.json"))
    with pytest.raises(ConfigurationError, match="not a JSON object"):
        login_kind("kiro")


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("linux", "data/amazon-q"),
        ("darwin", "home/Library/Application Support/amazon-q"),
        ("win32", "local/amazon-q"),
    ],
)
def test_the_users_own_database_is_where_the_cli_keeps_it(
    system: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert user_database(login_kind("q")) == tmp_path / expected / "data.sqlite3"


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("moved", [True, False])
def test_the_streaming_client_looks_for_it_at_the_same_place(
    system: str, moved: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "sdk/src"))
    client = pytest.importorskip("amazon_q_streaming_client._login")
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name) if moved else "")
    assert client.default_database() == user_database(login_kind("q"))


@pytest.mark.parametrize("kind", ["q", "kiro"])
@pytest.mark.parametrize(
    ("system", "expected"),
    [("linux", ".local/share"), ("darwin", "Library/Application Support"), ("win32", "AppData/Local")],
)
def test_an_agents_database_is_where_a_cli_with_its_environment_looks(
    system: str, expected: str, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    home = tmp_path / "agent"
    seen = agent_environment(run_id="run_1", home=home, scratch=tmp_path, instructions=tmp_path, extra={})
    # GIVEN nothing in its environment that moves the folder
    assert not {"XDG_DATA_HOME", "LOCALAPPDATA"} & set(seen)
    for name in os.environ:
        if name not in seen:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", seen["HOME"])
    # THEN the CLI, which knows only its environment, looks where the step puts it
    database = user_database(login_kind(kind), home)
    assert database == user_database(login_kind(kind))
    assert database == home / expected / login_kind(kind).folder / "data.sqlite3"


def test_a_relative_data_folder_does_not_count_and_another_home_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert user_database(login_kind("q")) == tmp_path / ".local/share/amazon-q/data.sqlite3"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    other = user_database(login_kind("kiro"), Path("/elsewhere"))
    assert other == Path("/elsewhere/.local/share/kiro-cli/data.sqlite3")
