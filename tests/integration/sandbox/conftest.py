"""A sandbox for each test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from tests.integration.sandbox.rig import SandboxRig


@pytest.fixture
def sandbox(require: Callable[[str], str]) -> Iterator[SandboxRig]:
    if not sys.platform.startswith("linux"):
        pytest.skip("a sandbox needs Linux")
    require("bwrap")
    require("bash")
    with SandboxRig.make() as made:
        yield made
