from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.lfs_route import Route
from stepherd.repositories.process import run_bounded


def test_no_key_of_an_address_is_given_to_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers sign where a content goes; anyone with the address may write there."""
    git = Git(tmp_path, tmp_path / "x.git")
    create_repository(git)
    git.run("x", "config", "http.https://files.example/team.proxy", "http://proxy.example:3128")
    seen: list[str] = []

    def recorded(argv: list[str], **more: Any) -> Any:
        seen.extend(argv)
        return run_bounded(argv, **more)

    monkeypatch.setattr("stepherd.repositories.git.run_bounded", recorded)
    [proxy, _] = Route(git).handlers("https://files.example/team/x?X-Amz-Signature=opensesame#opensesame")
    assert getattr(proxy, "proxies", None) == {"https": "http://proxy.example:3128"}
    assert "https://files.example/team/x" in seen
    assert not any("opensesame" in word for word in seen)
