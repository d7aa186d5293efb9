"""Which runner a run would get on this machine, and why it is no sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stepherd.backends.home.runner import chosen_runner
from stepherd.backends.home.runner_selection import RunnerSelection, unseen_folders
from stepherd.doctor.checkup import Check, Finding
from stepherd.engine.runners.choice import SANDBOX

__all__ = ["runner_check"]


def runner_check(home: Path) -> Check:
    """The check. Its sandbox is begun at once, as only the main thread may, which checks are not."""
    selection = RunnerSelection.begin(home, chosen_runner(None, None), "on")
    return Check("runner", lambda home: _findings(home, selection))


def _findings(home: Path, selection: RunnerSelection) -> Iterator[Finding]:
    obstacle = selection.obstacle
    choice = selection.choice
    if selection.requested is not None:
        yield Finding("runner", "ok", f"{choice.runner}, as STEPHERD_RUNNER says")
        return
    if choice.runner == SANDBOX:
        unseen = ", ".join(map(str, unseen_folders(home)))
        but = f"; it does not show these PATH folders: {unseen}" if unseen else ""
        yield Finding("runner", "ok", f"sandbox: the agent sees its run's folders, the system and tools{but}")
        return
    user = os.environ.get("STEPHERD_AGENT_USER")
    who = f"as the user {user}" if user else "as you"
    why = obstacle.message if obstacle else ""
    yield Finding(
        "runner", "warning", f"process: the agent runs {who}, without a sandbox. {why}",
        obstacle.remedy if obstacle else "",
    )  # fmt: skip
