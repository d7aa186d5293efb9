"""A local clone that lacks contents (git clone --filter) cannot be cloned again: that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, git

from stepherd.errors import DataError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.clone import clone
from stepherd.repositories.credentials import GitCredentials


def test_a_clone_without_its_contents_says_how_to_fetch_them(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    git(origin.bare, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    words = ("clone", "--quiet", "--filter=blob:none", "--no-checkout", origin.bare.as_uri(), str(partial))
    git(tmp_path, *words)

    def cloned() -> None:
        clone(
            parse_repository(str(partial)), tmp_path / "workspace", base=None, credentials=GitCredentials(),
            scratch=tmp_path / "scratch", pauses=(),
        )  # fmt: skip

    (tmp_path / "scratch").mkdir()
    with pytest.raises(DataError, match="it is a partial clone, or damaged") as refused:
        cloned()
    assert "git fetch --refetch --no-filter" in refused.value.remedy
    git(partial, "fetch", "--quiet", "--refetch", "--no-filter")
    cloned()
    assert (tmp_path / "workspace" / ".git").is_dir()
