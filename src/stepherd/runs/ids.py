"""Run ids: the name of the execution, of the run's folder and of its branch."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime
from typing import Final

from stepherd.errors import UsageError
from stepherd.text.plain import one_paragraph

__all__ = ["check_run_id", "derived_run_id", "new_run_id"]

# Stricter than Step Functions, which allows 80 characters with some punctuation: an id is a folder, too. The
# number at the end is that of a run that continues another.
_RUN_ID: Final = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9][A-Za-z0-9_-]*(\.[1-9][0-9]{0,2})?")


def new_run_id(now: datetime | None = None, token: str | None = None) -> str:
    """An id such as ``run_20261121T101500Z_3fa9c1``: sorts by time, unique by its six random digits."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"run_{moment:%Y%m%dT%H%M%SZ}_{token or secrets.token_hex(3)}"


def derived_run_id(origin: str, *parts: str) -> str:
    """The id of the run that ``parts`` ask for, however often: ``run_<origin>_`` and 24 hex digits."""
    # Lengths first: no two lists of parts may read alike.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return f"run_{origin}_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def check_run_id(text: str) -> str:
    """``text`` when it can be a run id. Raises UsageError."""
    if not _RUN_ID.fullmatch(text):
        raise UsageError(
            f"The run id '{one_paragraph(text, 90)}' is not acceptable: it must be 1 to 80 letters, digits, "
            "'-' and '_', starting with a letter or digit.",
            remedy="Choose another --name, or leave it out.",
        )
    return text
