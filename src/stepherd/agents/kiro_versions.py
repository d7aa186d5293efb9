"""The differences between versions of kiro-cli, in one place (facts/q-cli.md 3, from third parties).

===============  =====================================================================================
version          what it has
===============  =====================================================================================
2.7              ``--agent-engine``. Without it, a run without a terminal uses the first engine, which takes
                 no token of IAM Identity Center and ends with exit code 0 and without a word. The second
                 one answers ``--model`` with "failed to set model … Method not found" and uses "auto"; it
                 takes the model from its settings.
2.21.4           ``--v2``, which must not stand beside ``--agent-engine``
2.24             ``--output-format=stream-json``
3.0              the third engine is the usual one
===============  =====================================================================================

All of it can be overruled: STEPHERD_KIRO_OUTPUT (``text``, ``stream-json``), STEPHERD_KIRO_ENGINE (``v1``,
``v2``, ``v3``, or ``default``: none is named).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.agents.versions import version_of
from stepherd.errors import ConfigurationError, StepherdError

__all__ = ["Manners", "manners_of"]

_Version = tuple[int, int, int]
_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_ENGINE_WORD: Final = (2, 7, 0)
_ENGINE_FLAGS: Final = (2, 21, 4)
_STREAMS: Final = (2, 24, 0)
_THIRD_ENGINE: Final = (3, 0, 0)
_OUTPUTS: Final = ("text", "stream-json")
_ENGINES: Final = ("v1", "v2", "v3", "default")


@dataclass(frozen=True, slots=True)
class Manners:
    """How the installed version is started."""

    streams: bool = False
    """Whether it prints stream-json."""
    engine: tuple[str, ...] = ()
    """The words that name its engine."""
    takes_model: bool = True
    """Whether it knows ``--model``; the settings name the model in any case."""


def manners_of(home: Path) -> Manners:
    """Of the kiro-cli on PATH, which is asked for its version with ``home`` as its home.

    Raises ConfigurationError for a variable with a value that is not known.
    """
    said = {
        name: _chosen(f"STEPHERD_KIRO_{name}", values, os.environ)
        for name, values in (("OUTPUT", _OUTPUTS), ("ENGINE", _ENGINES))
    }
    version = _version(home)
    streams = said["OUTPUT"] == "stream-json" if said["OUTPUT"] else version >= _STREAMS
    engine = said["ENGINE"] or _usual_engine(version)
    return Manners(streams, _words(engine, version), takes_model=engine != "v2")


def _usual_engine(version: _Version) -> str:
    """The oldest one that takes every kind of login; versions without a choice have one engine alone."""
    if version < _ENGINE_WORD:
        return "default"
    return "v3" if version >= _THIRD_ENGINE else "v2"


def _words(engine: str, version: _Version) -> tuple[str, ...]:
    if engine == "default":
        return ()
    return (f"--{engine}",) if version >= _ENGINE_FLAGS and engine != "v1" else (f"--agent-engine={engine}",)


def _chosen(variable: str, values: tuple[str, ...], environment: Mapping[str, str]) -> str:
    said = environment.get(variable, "")
    if said not in {"", *values}:
        known = f"{', '.join(values[:-1])} or {values[-1]}"
        raise ConfigurationError(f"{variable} is {said!r}.", remedy=f"Set it to {known}, or leave it out.")
    return said


def _version(home: Path) -> _Version:
    try:
        said = version_of("kiro-cli", os.environ.get("PATH", os.defpath), home)
    except StepherdError:
        return (0, 0, 0)
    found = _VERSION.match(said or "")
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)
