"""Variables that ``env:NAME`` and the like refer to: a secret goes only to the task that names it."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["referred"]

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


def referred(declared: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Those variables of ``own``, the environment of the engine, that a value of ``declared`` refers to: one
    reference, or several with spaces between them."""
    matches = [[_REFERENCE.fullmatch(word) for word in value.split(" ")] for value in declared.values()]
    names = [match[1] for found in matches if all(found) for match in found if match]
    return {name: own[name] for name in names if name in own}
