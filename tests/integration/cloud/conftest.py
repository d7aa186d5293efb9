"""Fixtures of the deployed application's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.cloud.project import clean_copy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clean clone."""
    return clean_copy(tmp_path / "clone")
