"""A step whose agents leave a tree of which no more is known than the variable PROOF says: STATE REASON."""

from __future__ import annotations

import os
import sys
from typing import Any, cast

from stepherd.leaving import leave
from stepherd.processes.launcher import ProcessLauncher
from stepherd.processes.tree import Command, Proof, Tree
from stepherd.steps.execution import main

state, _, reason = os.environ["PROOF"].partition(" ")
original = ProcessLauncher.start


def start(launcher: ProcessLauncher, command: Command) -> Tree:
    tree: Any = original(launcher, command)
    end = tree.end

    def unsure() -> Proof:
        end()
        return Proof(cast("Any", state), reason)

    tree.end = unsure
    return cast("Tree", tree)


ProcessLauncher.start = start  # type: ignore[method-assign]
leave(main(sys.argv[1:]))
