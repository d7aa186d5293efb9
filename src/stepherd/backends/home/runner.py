"""Where tasks run, as a person says it: a kind of runner and an image."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stepherd.engine.runners.choice import CONTAINER_RUNNERS, SANDBOX, RunnerChoice
from stepherd.errors import ConfigurationError, UsageError
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.engine.runners.container_runner import Mount

__all__ = ["RUNNER_KINDS", "chosen_runner", "repository_mounts"]

RUNNER_KINDS = ("process", SANDBOX, *CONTAINER_RUNNERS)
_VARIABLE = "STEPHERD_RUNNER"


def chosen_runner(runner: str | None, image: str | None) -> RunnerChoice | None:
    """Return the runner that the options name, else STEPHERD_RUNNER; None leaves the choice to this machine.
    With an image alone, whichever of podman and docker is installed. Raises UsageError for an unknown runner
    and an image without a container, ConfigurationError for a program that is not installed."""
    if runner is None and not image:
        runner = os.environ.get(_VARIABLE) or None
        if runner is None:
            return None
        if runner not in RUNNER_KINDS:
            raise UsageError(
                f"{_VARIABLE} is '{one_paragraph(runner, 60)}'.",
                remedy=f"Set it to one of {', '.join(RUNNER_KINDS)}.",
            )
    if runner is not None and runner not in RUNNER_KINDS:
        raise UsageError(
            f"There is no runner '{one_paragraph(runner, 60)}'.",
            remedy=f"The runners are {', '.join(RUNNER_KINDS)}.",
        )
    if runner is not None and runner not in CONTAINER_RUNNERS:
        if image:
            raise UsageError("--image is for tasks in containers.", remedy="Add --runner podman or docker.")
        return RunnerChoice(runner)
    from stepherd.engine.runners.container_client import ContainerClient  # for its start-up time

    possible = CONTAINER_RUNNERS if runner is None else (runner,)
    found = next((kind for kind in possible if ContainerClient(kind).is_there), None)
    if found is None:
        raise ConfigurationError(
            f"{' and '.join(possible)} {'is' if runner else 'are'} not installed.",
            remedy="Install it, or leave --runner and --image out.",
        )
    return RunnerChoice(found, image or "")


def repository_mounts(argv: Sequence[str], environment: Mapping[str, str]) -> list[Mount]:
    """A repository on this machine's disk, for the steps that need it. See ``mounts.mounts_of``."""
    # For the start-up time: engines load this, and only those whose tasks are in containers ask it.
    from stepherd.backends.home.mounts import mounts_of

    return mounts_of(argv, environment)
