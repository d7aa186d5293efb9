"""The core of an engine with its API, in a module of its own: it is loaded while functions are starting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stepherd.engine.api.endpoint import endpoint_application
from stepherd.engine.api.operations import Api
from stepherd.engine.core import Engine
from stepherd.engine.journal.clock import Clock

__all__ = ["Served", "served_engine"]


class Served(NamedTuple):
    """An engine and its two faces: calls in the same process, and those by HTTP."""

    engine: Engine
    api: Api
    endpoint: Callable[..., Any]
    """The HTTP face, as an ASGI application."""


def served_engine(home: Path, clock: Clock | None, access_key: str) -> Served:
    """The engine of a home. Raises DataError for a corrupt journal."""
    engine = Engine(home, clock=clock)
    api = Api(engine)
    return Served(engine, api, endpoint_application(api, access_key))
