"""The options ``--runner`` and ``--image``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from stepherd.backends.home.runner import RUNNER_KINDS

__all__ = ["runner_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def runner_options(decorated: Decorated) -> Decorated:
    """Add both options to a command."""
    kinds = click.Choice(RUNNER_KINDS)
    image = click.option(
        "--image", metavar="IMAGE", help="Image of all tasks. Default: those of the template."
    )
    words = "How the agent runs: sandbox, process, podman or docker. Default: STEPHERD_RUNNER, or a sandbox."
    return click.option("--runner", type=kinds, metavar="KIND", help=words)(image(decorated))
