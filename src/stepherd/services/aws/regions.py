"""The form of an AWS region's name."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["REGION", "is_region"]

REGION: Final = r"[a-z]{2,6}(?:-[a-z]+){1,3}-[0-9]{1,2}"
"""For patterns that hold a region: such as ``eu-central-1`` and ``us-gov-west-1``."""


def is_region(text: str) -> bool:
    """Whether ``text`` can be the name of a region."""
    return re.fullmatch(REGION, text) is not None
