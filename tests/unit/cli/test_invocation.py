"""Which backend a command works on, and which commands are suggested."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.backends.home.backend import HomeBackend
from stepherd.cli.invocation import Invocation
from stepherd.cloud.contexts import LOCAL, Context, keep_context
from stepherd.errors import ConfigurationError, UsageError
from stepherd.remedies import Remedy

AWS = Context("aws", "flock", "eu-west-1", "123456789012")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keep_context(tmp_path, AWS, default=True)
    return tmp_path


def test_a_home_without_contexts_is_local(tmp_path: Path) -> None:
    assert isinstance(Invocation(tmp_path).backend, HomeBackend)
    assert list(tmp_path.iterdir()) == []


def test_local_works_although_the_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("[")
    assert isinstance(Invocation(tmp_path, context=LOCAL).backend, HomeBackend)
    with pytest.raises(ConfigurationError):
        _ = Invocation(tmp_path).backend


def test_suggested_commands_name_a_context_that_they_would_not_choose_by_themselves(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPHERD_HOME", str(home))
    assert Invocation(home).command("status", "run_1") == "stepherd status run_1"
    assert Invocation(home, context="aws").command("status", "run_1") == "stepherd status run_1"
    local = Invocation(home, context=LOCAL)
    assert local.command("status", "run_1") == "stepherd status --context local run_1"
    monkeypatch.setenv("STEPHERD_CONTEXT", LOCAL)
    assert Invocation(home, context="aws").advice(Remedy("See: ", ("keys", "list"))) == (
        "See: stepherd keys list --context aws"
    )


def test_what_only_the_embedded_engine_has_is_refused_in_one_line(home: Path) -> None:
    Invocation(home, context=LOCAL).only_local("resume", "")
    with pytest.raises(UsageError) as raised:
        Invocation(home).only_local("resume", "Watch it.")
    assert raised.value.message == (
        "'stepherd resume' only works on this machine, and the context is 'aws' (the default)."
    )


def test_suggested_commands_name_the_home_only_where_it_is_not_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "a home"
    named = Invocation(home)
    assert named.command("status", "run_1") == f"stepherd status --home '{home}' run_1"
    text = Remedy("See '", ("logs", "-f", "run_1"), "', or run again: ", ("run", "--help"))
    assert named.advice(text) == (
        f"See 'stepherd logs --home '{home}' -f run_1', or run again: stepherd run --home '{home}' --help"
    )
    monkeypatch.setenv("STEPHERD_HOME", str(home))
    assert Invocation(home).command("status", "run_1") == "stepherd status run_1"
    assert Invocation(home).advice(text) == text
