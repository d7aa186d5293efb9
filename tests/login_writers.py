"""Writers of one login in processes of their own, at the same moment; little is imported, to begin soon."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.login_files import Q, a_login, query

from stepherd.errors import TemporaryError
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.lease import Holder, take_lease
from stepherd.logins.opening import open_location
from stepherd.logins.renewal import ensure_fresh

__all__ = ["at_once", "renew", "save", "save_or_talk", "take"]

TURNS = 5
_START: Any = None


def at_once(work: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> list[Any]:
    """Do ``work`` in a process each, all beginning at the same moment; what each returned."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(arguments))
    with context.Pool(len(arguments), _remember, (start,)) as pool:
        return pool.starmap(_begin, [(work, *each) for each in arguments], chunksize=1)


def _remember(start: Any) -> None:
    global _START
    _START = start


def _begin(work: Callable[..., Any], *arguments: Any) -> Any:
    _START.wait(60)
    return work(*arguments)


def save(reference: str, etag: str, n: int) -> str:
    """Save a login that ends in ``n`` hours, however often others are first."""
    while True:
        try:
            open_location(Q, reference).save(a_login(str(n), ends=timedelta(hours=n)), etag)
        except TemporaryError:
            continue
        return "done"


def take(reference: str, n: int) -> str | None:
    """Take the lease; the run that has it, None when it is ours."""
    holder = Holder(f"arn:{n}", f"run_{n}")
    found = take_lease(open_location(Q, reference), holder, lambda arn: arn != "arn:finished")
    return None if found is None else found.run_id


def save_or_talk(path: str, n: int) -> str:
    """Write to one file, in turns, as we do (even ``n``) and as the CLI does (odd)."""
    for turn in range(TURNS):
        if n % 2:
            query(Path(path), "INSERT INTO conversations VALUES (?, 'x')", f"/{n}/{turn}")
        else:
            save(path, "", n * TURNS + turn + 2)
    return "done"


def renew(reference: str, environment: dict[str, str]) -> str:
    """Renew the login; its access token."""
    os.environ.update(environment)
    try:
        token = ensure_fresh(open_location(Q, reference), datetime.now(UTC)).login.token
    except LoginNeeded as error:
        return f"asked: {error}"
    return token.access_token if token else ""
