"""Every secret that a step's process holds before it has read any: its environment's, and AWS's client's."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stepherd.errors import StepherdError
from stepherd.services.aws.clients import session_secrets
from stepherd.services.secrets.contract import parse_secret

__all__ = ["held_secrets"]

# Names of secrets in our own environment. A reference, such as …_SECRET_ID, does not count.
_SECRET: Final = re.compile("TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|_KEYS?(_|$)|API_?KEY", re.IGNORECASE)
_REFERENCE: Final = (
    "_ID",
    "_ARN",
    "_URI",
    "_URL",
    "_FILE",
    "_PATH",
    "_NAME",
    "_FOLDER",
    "_DIR",
    "_CREDENTIALS",
)


def held_secrets(*references: str | None) -> Iterator[str]:
    """The secrets in this process's environment, known by their names, or by ``references`` of the form
    env:NAME whatever their names; and the keys of the AWS session in use, also those of a role. They never
    reach an agent; should it find them all the same, they are masked and not pushed."""
    named = {reference[4:] for reference in references if reference and reference.startswith("env:")}
    for name, value in os.environ.items():
        by_name = _SECRET.search(name) and not name.endswith(_REFERENCE) and not _is_file(value)
        if name in named or by_name:
            yield value
            yield from _fields(value)
    # Whoever has not loaded the client holds no session.
    if "botocore.session" in sys.modules:
        yield from session_secrets()


def _is_file(value: str) -> bool:
    """Whether it is the path of something that is there, such as SSH_KEY=/home/ann/.ssh/id: no secret is."""
    try:
        return value.startswith("/") and Path(value).exists()
    except (OSError, ValueError):
        return False


def _fields(value: str) -> Iterator[str]:
    """The parts of a secret that is a JSON object, which show up alone."""
    if not value.lstrip().startswith("{"):
        return
    try:
        yield from parse_secret(value, "of the environment").values()
    except StepherdError:
        return  # It is masked as a whole.
