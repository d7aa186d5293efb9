"""The program that speaks to containers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stepherd.engine.runners.container_client import ContainerClient


def test_none_of_the_current_folder_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone of anyone's, with "." or an empty entry in PATH."""
    (tmp_path / "podman").write_text(f"#!/bin/sh\n: >{tmp_path}/ran\n")
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", f".::{tmp_path}/empty")
    client = ContainerClient("podman")
    assert not client.is_there
    assert asyncio.run(client.ask("version")).code == 127
    assert not (tmp_path / "ran").exists()
