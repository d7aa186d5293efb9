"""The facts of a list about each run beside its status: its title, repository and more, out of its folder."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stepherd.errors import CredentialsError, DataError, NotFoundError, StorageError
from stepherd.runs.folder import REPORT, REQUEST, RunFolder, run_folder
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = ["Outline", "Wanted", "chosen", "outlines"]

_LONGEST: Final = 300
_AT_ONCE: Final = 16
_CHUNK: Final = 50


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of a run, as its folder has it: text that others may have written, made plain."""

    title: str | None = None
    repo: str | None = None
    agent: str | None = None
    branch: str | None = None
    """The branch that has its work; of a run without a report the one that it is to have."""
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are asked for; None is every one."""

    since: float | None = None
    """The earliest start, in seconds since the epoch."""
    repo: str | None = None
    """A part of the address or path of the repository, or a path of this machine that is the same."""
    agent: str | None = None

    def has(self, outline: Outline) -> bool:
        """Whether a run of this outline is one of them."""
        if self.agent is not None and outline.agent != self.agent:
            return False
        if self.repo is None:
            return True
        there = outline.repo or ""
        return self.repo.lower() in there.lower() or os.path.realpath(Path(self.repo).expanduser()) == there


def chosen(
    store: Store, runs: Iterator[dict[str, Any]], wanted: Wanted, limit: int
) -> Iterator[tuple[dict[str, Any], Outline]]:
    """At most ``limit`` of the listed ``runs``, newest first, that are ``wanted``, each with its outline."""
    found, chunk = 0, list[dict[str, Any]]()
    size = _CHUNK if wanted.repo is not None or wanted.agent is not None else limit
    for run in runs:
        if wanted.since is not None and run["started"] < wanted.since:
            break
        chunk.append(run)
        if len(chunk) < size:
            continue
        for each in _of_chunk(store, chunk, wanted):
            yield each
            found += 1
            if found == limit:
                return
        chunk = []
    yield from list(_of_chunk(store, chunk, wanted))[: limit - found]


def _of_chunk(
    store: Store, chunk: Sequence[dict[str, Any]], wanted: Wanted
) -> Iterator[tuple[dict[str, Any], Outline]]:
    try:
        found = outlines(store, [run["run_id"] for run in chunk])
    except CredentialsError:  # Of a caller that may list runs, and not read what they have stored.
        if wanted.repo is not None or wanted.agent is not None:
            raise
        found = [Outline()] * len(chunk)
    return ((run, outline) for run, outline in zip(chunk, found, strict=True) if wanted.has(outline))


def outlines(store: Store, run_ids: Sequence[str]) -> list[Outline]:
    """The outlines of these runs, in their order; an empty one where the folder says nothing.

    Raises CredentialsError and UnavailableError of the store.
    """

    def of(run_id: str) -> Outline:
        return _outline(run_folder(store, run_id))

    if store.reference.startswith("file:"):
        return [of(run_id) for run_id in run_ids]
    with ThreadPoolExecutor(_AT_ONCE, "outlines") as threads:  # Each is an answer of S3 to wait for.
        return list(threads.map(of, run_ids))


def _outline(folder: RunFolder) -> Outline:
    request, report = _fields(folder, REQUEST), _fields(folder, REPORT)
    asked = _text(request, "branch") if request.get("push") == "branch" and not report else None
    usage = report.get("usage")
    cost = usage.get("cost_usd") if isinstance(usage, Mapping) else None
    good = isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost)
    return Outline(
        _text(request, "message", lambda text: text.strip().partition("\n")[0]),
        _text(request, "repo"),
        _text(request, "agent"),
        _text(report, "branch") or asked,
        float(cost) if good and cost is not None else None,
    )


def _fields(folder: RunFolder, key: str) -> Mapping[str, Any]:
    try:
        return folder.read_object(key)
    except (DataError, NotFoundError, StorageError):
        return {}  # Nothing that could be shown; what is wrong with it is said where the run is looked at.


def _text(fields: Mapping[str, Any], name: str, part: Callable[[str], str] = str) -> str | None:
    value = fields.get(name)
    return (one_paragraph(part(value), _LONGEST) or None) if isinstance(value, str) else None
