"""Settings as text: git reads back what was written, whatever is in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepherd.repositories.config_text import config_text

VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)
MIDDLES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=20
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "config"


def read(file: Path) -> list[tuple[str, str]]:
    command = ["git", "config", "--file", str(file), "--null", "--list"]
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    entries = done.stdout.decode().split("\0")[:-1]
    return [(key, value) for key, _, value in (entry.partition("\n") for entry in entries)]


@settings(max_examples=60, deadline=None)
@given(middle=MIDDLES, value=VALUES, plain=VALUES)
def test_git_reads_what_was_written(file: Path, middle: str, value: str, plain: str) -> None:
    written = [(f"branch.{middle}.merge", value), ("user.name", plain), (f"branch.{middle}.remote", "origin")]
    file.write_text(config_text(written), encoding="utf-8")
    assert read(file) == written
