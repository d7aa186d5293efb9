"""The form of a run id: it is the name of an execution, of a folder and of a branch."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_run_id"]

# Stricter than Step Functions, which allows 80 characters with some punctuation: an id is a folder, too. The
# number at the end is that of a run that continues another.
_RUN_ID: Final = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9][A-Za-z0-9_-]*(\.[1-9][0-9]{0,2})?")


def is_run_id(text: str) -> bool:
    """Whether ``text`` can be the id of a run."""
    return _RUN_ID.fullmatch(text) is not None
