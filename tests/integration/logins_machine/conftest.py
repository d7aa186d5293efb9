"""The functions of the login machine with the provider's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.identity_provider import IdentityProvider
from tests.integration.logins_machine.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A store without a login, and a provider that this process's boto3 talks to."""
    with IdentityProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        yield Rig(tmp_path / "store", provider)
