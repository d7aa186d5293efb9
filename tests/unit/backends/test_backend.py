"""Which place a command works on, and how that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.backends.backend import choose, only_local, open_place_of
from stepherd.backends.home.backend import HomePlace
from stepherd.cli.output import Output
from stepherd.cloud.contexts import LOCAL, Context, keep_context
from stepherd.errors import ConfigurationError, NotFoundError, UsageError

AWS = Context("aws", "flock", "eu-west-1", "123456789012")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keep_context(tmp_path, AWS, default=True)
    return tmp_path


def test_the_flag_wins_over_the_environment_and_that_over_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(home, None).name == "aws"
    monkeypatch.setenv("STEPHERD_CONTEXT", "other")
    assert (choose(home, None).name, choose(home, None).why) == ("other", "chosen by STEPHERD_CONTEXT")
    assert (choose(home, LOCAL).name, choose(home, LOCAL).why) == (LOCAL, "chosen by --context")


def test_an_empty_variable_is_none_and_an_empty_flag_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPHERD_CONTEXT", "")
    assert choose(home, None).name == "aws"
    with pytest.raises(UsageError):
        choose(home, "")


def test_a_home_without_contexts_is_local(tmp_path: Path) -> None:
    assert isinstance(Output(tmp_path).place, HomePlace)
    assert list(tmp_path.iterdir()) == []


def test_a_context_that_is_not_there_is_named_with_those_that_are(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no context 'nope'; there are: local, aws"):
        open_place_of(home, choose(home, "nope"))


def test_local_works_although_the_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("[")
    assert isinstance(Output(tmp_path, context=LOCAL).place, HomePlace)
    with pytest.raises(ConfigurationError):
        _ = Output(tmp_path).place


def test_suggested_commands_name_a_context_that_they_would_not_choose_by_themselves(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPHERD_HOME", str(home))
    assert Output(home).command("status", "run_1") == "stepherd status run_1"
    assert Output(home, context="aws").command("status", "run_1") == "stepherd status run_1"
    local = Output(home, context=LOCAL)
    assert local.command("status", "run_1") == "stepherd status --context local run_1"
    monkeypatch.setenv("STEPHERD_CONTEXT", LOCAL)
    assert Output(home, context="aws").advice("See: stepherd keys list") == (
        "See: stepherd keys list --context aws"
    )


def test_what_only_the_embedded_engine_has_is_refused_in_one_line(home: Path) -> None:
    only_local(Output(home, context=LOCAL), "resume", "")
    with pytest.raises(UsageError) as raised:
        only_local(Output(home), "resume", "Watch it.")
    assert raised.value.message == "resume is of the embedded engine, and the context is 'aws' (the default)."
