"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["home_option", "home_path", "json_option", "run_argument"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

home_option: Decorator = click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="STEPHERD_HOME",
    help="Where everything lives. Default: STEPHERD_HOME, else ~/.stepherd.",
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
run_argument: Decorator = click.argument("run_id", metavar="RUN")


def home_path(given: Path | None) -> Path:
    """The home as an absolute path; nothing is written outside it."""
    return Path(os.path.abspath((given or Path("~/.stepherd")).expanduser()))  # noqa: PTH100 - links stay
