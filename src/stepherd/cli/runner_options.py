"""``--runner`` and ``--image``: where tasks run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stepherd.engine.runner_choice import CONTAINER_RUNNERS, RunnerChoice
from stepherd.errors import ConfigurationError, StepherdError, UsageError

if TYPE_CHECKING:
    from stepherd.engine.container_runner import Mount

__all__ = ["chosen_runner", "repository_mounts", "runner_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def runner_options(decorated: Decorated) -> Decorated:
    """The options themselves."""
    kinds = click.Choice(["process", *CONTAINER_RUNNERS])
    image = click.option(
        "--image", metavar="IMAGE", help="Image of all tasks. Default: those of the template."
    )
    words = "How tasks run: process, podman or docker. Default: process."
    return click.option("--runner", type=kinds, metavar="KIND", help=words)(image(decorated))


def chosen_runner(runner: str | None, image: str | None) -> RunnerChoice:
    """What the options say. Raises UsageError for an image without a container, ConfigurationError for a
    program that is not installed."""
    choice = RunnerChoice(runner or "process", image or "")
    if choice.runner not in CONTAINER_RUNNERS:
        if choice.image:
            raise UsageError("--image is for tasks in containers.", remedy="Add --runner podman or docker.")
        return choice
    from stepherd.engine.container_client import ContainerClient

    if not ContainerClient(choice.runner).is_there:
        raise ConfigurationError(
            f"{choice.runner} is not installed.",
            remedy="Install it, or leave --runner out: tasks are processes.",
        )
    return choice


def repository_mounts(argv: Sequence[str], environment: Mapping[str, str]) -> list[Mount]:
    """A repository on this machine's disk, for the steps that need it: to be read by clone, written by push.

    The agent's container never gets it: what an agent does reaches a repository by a push alone.
    """
    from stepherd.engine.container_runner import Mount
    from stepherd.repositories.address import parse_repository
    from stepherd.runs.folder import REQUEST_DIGEST, open_run_folder

    step = argv[-1] if argv else ""
    folder = environment.get("STEPHERD_RUN_FOLDER", "")
    if step not in ("clone", "push") or not folder.startswith("file://"):
        return []
    try:
        request = open_run_folder(folder).read_request(environment.get(REQUEST_DIGEST))
        repository = parse_repository(request.repo)
    except StepherdError:
        return []  # The step meets the same, and says so in its result.
    if repository.kind != "file":
        return []
    return [Mount(Path(repository.path), writable=step == "push")]
