"""Run ids: the name of the execution, of the run's folder and of its branch."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

from stepherd.errors import UsageError
from stepherd.text.plain import one_paragraph
from stepherd.text.run_ids import is_run_id

__all__ = ["check_run_id", "derived_run_id", "new_run_id"]


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
    if not is_run_id(text):
        raise UsageError(
            f"The run id '{one_paragraph(text, 90)}' is not acceptable: it must be 1 to 80 letters, digits, "
            "'-' and '_', starting with a letter or digit.",
            remedy="Choose another --name, or leave it out.",
        )
    return text
