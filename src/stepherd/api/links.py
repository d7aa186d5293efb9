"""Where everything about a run is, below the address of the API."""

from __future__ import annotations

__all__ = ["links_of"]


def links_of(run_id: str) -> dict[str, str]:
    """Paths, for whoever follows links rather than documents."""
    place = f"/executions/{run_id}"
    return {"self": place, **{name: f"{place}/{name}" for name in ("logs", "stop", "redrive")}}
