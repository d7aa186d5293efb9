"""Which context is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.backends.choice import choose, open_backend
from stepherd.cloud.contexts import LOCAL, Context, keep_context
from stepherd.errors import NotFoundError, UsageError

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


def test_a_context_that_is_not_there_is_named_with_those_that_are(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no context 'nope'; there are: local, aws"):
        open_backend(home, choose(home, "nope"))
