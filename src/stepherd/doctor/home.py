"""Checks of a home: disk, engine, journal, agents, logins."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.agents.inventory import take_inventory
from stepherd.backends.client import PIPELINE, machine_arn
from stepherd.backends.home.backend import HomeBackend
from stepherd.backends.home.engines import reading
from stepherd.backends.home.home_check import check_home
from stepherd.backends.login_outlook import outlooks
from stepherd.doctor.checkup import Check, Finding
from stepherd.engine.identity import JOURNAL
from stepherd.engine.journal.lock import find_engine
from stepherd.errors import ConfigurationError
from stepherd.remedies import Remedy
from stepherd.services.disk import disk_error
from stepherd.services.store.opening import open_store
from stepherd.text.moments import until_text

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["HOME_CHECKS", "login_findings"]

_TIGHT_BYTES: Final = 2 * 1024**3
_TOO_TIGHT_BYTES: Final = 200 * 1024**2


def _home(home: Path) -> Iterator[Finding]:
    if not home.exists():
        above = next(folder for folder in home.parents if folder.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            words = f"{home} cannot be made: {above} is not yours to write to."
            yield Finding("home", "problem", words, "Choose another with --home or STEPHERD_HOME.")
            return
        yield Finding("home", "ok", f"{home} (created by the first run)")
        yield _space(above)
        return
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        refused = disk_error(error, "Writing in", home)
        yield Finding("home", "problem", refused.message, refused.remedy)
        return
    try:
        check_home(home)
    except ConfigurationError as refusal:
        yield Finding("home", "problem", refusal.message, refusal.remedy)
        return
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        words = f"Others on this machine can list the files in {home}."
        yield Finding("home", "warning", words, f"chmod 700 {home}")
    else:
        yield Finding("home", "ok", str(home))
    yield _space(home)
    if os.statvfs(home).f_flag & getattr(os, "ST_NOEXEC", 0):
        words = f"The disk of {home} is mounted noexec: programs that an agent builds there cannot run."
        yield Finding("home", "warning", words, "Choose another with --home or STEPHERD_HOME.")


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    words = f"{free / 1024**3:.1f} GiB are free." if free >= 1024**3 else f"{free // 1024**2} MiB are free."
    if free < _TOO_TIGHT_BYTES:
        return Finding("disk", "problem", words, f"Free some space: df -h {folder}")
    if free < _TIGHT_BYTES:
        return Finding("disk", "warning", words, f"Free some space: df -h {folder}")
    return Finding("disk", "ok", words)


def _engine(home: Path) -> Iterator[Finding]:
    if not (home / JOURNAL).exists():
        yield Finding("journal", "ok", "Nothing has run yet.")
        return
    address = find_engine(home)
    with reading(home, check=True) as call:  # It raises for a damaged one. A live engine has checked it.
        request = {"stateMachineArn": machine_arn(PIPELINE), "statusFilter": "RUNNING", "maxResults": 1000}
        running = [found["name"] for found in call("ListExecutions", request)["executions"]]
    yield Finding("journal", "ok", f"{home / JOURNAL} can be read.")
    if address:
        going_on = f"{len(running)} unfinished" if running else "nothing unfinished"
        yield Finding("engine", "ok", f"Process {address.pid} serves the home; {going_on}.")
    elif running:
        words = f"No engine is running, and {len(running)} unfinished: {', '.join(running[:3])}."
        yield Finding("engine", "warning", words, Remedy(("resume",)))
    else:
        yield Finding("engine", "ok", "None is running, and none is needed.")


def _agents(home: Path) -> Iterator[Finding]:
    store = open_store((home / "store").as_uri()) if (home / "store").is_dir() else None
    states = [state for state in take_inventory(store, os.environ) if not state.built_in]
    ready = [f"{state.name} {state.version or ''}".strip() for state in states if state.ready]
    for state in states:
        if state.installed and not state.ready:
            lacking = state.missing[0]
            yield Finding(f"agent {state.name}", "warning", f"It lacks {lacking.what}.", lacking.command)
    if ready:
        yield Finding("agents", "ok", f"Ready: {', '.join(ready)}.")
    elif not any(state.installed for state in states):
        yield Finding("agents", "warning", "No agent is installed; --command works.", Remedy(("agents",)))


def _logins(home: Path) -> Iterator[Finding]:
    yield from login_findings(HomeBackend(home))


def login_findings(backend: Backend, default_agent: str = "") -> Iterator[Finding]:
    """Say for each stored login whether the next run will ask a person; ``default_agent`` should have one."""
    for one in outlooks(backend, None, None):
        name, log_in = f"login {one.agent}", Remedy(("login", "--agent", one.agent))
        if one.lease and one.lease.elsewhere:
            words = (
                f"{one.database} was last used by {one.lease.run_id}, which did not run here. Places that "
            )
            words += "share a login do not take turns, and can log each other out."
            yield Finding(f"database {one.agent}", "warning", words, _OWN_DATABASE)
        if one.error:
            yield Finding(name, "problem", one.error.message, one.error.remedy or log_in)
        elif one.account is None and one.agent == default_agent:
            yield Finding(name, "warning", "No one is logged in: the next run will ask a person.", log_in)
        elif one.account is None:
            continue  # A user of other agents needs no login for this one.
        elif one.next_run == "asks":
            yield Finding(name, "warning", f"{one.account}: the next run will ask a person.", log_in)
        elif one.expires_at and one.next_run == "passes":
            yield Finding(name, "ok", f"{one.account} until {until_text(one.expires_at)}")
        else:
            yield Finding(name, "ok", f"{one.account}, the next run renews it without asking")


_OWN_DATABASE: Final = Remedy("Give each place a login of its own: ", ("login", "--database", "REF"))
HOME_CHECKS: Final = (
    Check("home", _home),
    Check("journal", _engine, seconds=15.0),
    Check("agents", _agents, seconds=12.0),
    Check("logins", _logins),
)
