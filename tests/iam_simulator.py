"""IAM as @cloud-copilot/iam-simulate evaluates it, which is not ours: every operator, Deny, resource types.

It is a tool of the tests (`make tools`), under AGPL-3.0, and no part of Stepherd.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from tests.aws_grants import Need, Stack

__all__ = ["Simulator"]

_PACKAGE = "@cloud-copilot/iam-simulate"
_SCRIPT = Path(__file__).with_name("iam_simulate.mjs")


class Simulator:
    """Evaluates what roles of a template may."""

    def __init__(self, require: Callable[[str], str]) -> None:
        """Finds node, and the package beside programs of npm on PATH; skips or fails without them."""
        self._node = require("node")
        places = [Path(part).parent / _PACKAGE for part in os.environ["PATH"].split(os.pathsep)]
        found = [place for place in places if (place / "package.json").is_file()]
        if not found:
            missing = f"{_PACKAGE} is not installed: make tools"
            pytest.fail(missing) if os.environ.get("STEPHERD_REQUIRE_ALL") == "1" else pytest.skip(missing)
        self._package = found[0]

    def decide(self, stack: Stack, asked: Iterable[tuple[str, Need]]) -> dict[tuple[str, Need], str]:
        """The decision for each pair of a role and what it asks for."""
        pairs = list(dict.fromkeys(asked))
        given = {
            "account": stack.account,
            "policies": {role: stack.policy(role) for role in dict.fromkeys(role for role, _ in pairs)},
            "requests": [
                {
                    "role": role,
                    "action": need.action,
                    "resource": need.resource,
                    "context": dict(need.context),
                }
                for role, need in pairs
            ],
        }
        done = subprocess.run(
            [self._node, str(_SCRIPT), str(self._package)],
            input=json.dumps(given), capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return dict(zip(pairs, json.loads(done.stdout), strict=True))
