"""The functions of the login machine with the provider's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.logins_machine.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A store without a login."""
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made
