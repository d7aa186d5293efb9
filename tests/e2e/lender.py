"""Where logins are tried: a place whose processes use the identity provider's stand-in, and its person."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.inside import Inside
from tests.e2e.place import ROOT, Place
from tests.identity_provider import IdentityProvider

from stepherd.engine.journal.records import Execution
from stepherd.logins.kinds import login_kind
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login
from stepherd.logins.opening import open_location
from stepherd.services.store.opening import open_store

__all__ = ["Lender"]

Q = login_kind("q")
PATIENCE_SECONDS = 60.0


@dataclass
class Lender:
    """A place, an identity provider, and what a person sees of both."""

    place: Place
    provider: IdentityProvider
    seen: set[str] = field(default_factory=set)
    """Codes that the person has read in a notice."""

    @classmethod
    @contextmanager
    def at(cls, root: Path) -> Iterator[Lender]:
        """Everything below ``root``; its processes get the provider's addresses and no AWS credentials."""
        with IdentityProvider() as provider, Place.at(root) as place:
            paths = [str(ROOT / "tests/e2e/borrowing"), place.environment["PYTHONPATH"]]
            place.environment |= {**provider.environment, "PYTHONPATH": os.pathsep.join(paths)}
            yield cls(place, provider)

    # -- the stored login --------------------------------------------------------------------------

    @property
    def login_place(self) -> LoginLocation:
        """Where the login of Amazon Q is kept."""
        return open_location(Q, None, open_store(str(self.place.home / "store")))

    def stored(self) -> Login:
        """The login that is stored."""
        found = self.login_place.load()
        assert found is not None
        return found.login

    def give_login(self, seconds: int = 3600, start_url: str | None = None) -> Login:
        """Store a login that the provider gave earlier."""
        login = self.provider.login(Q, seconds=seconds, start_url=start_url)
        self.login_place.save(login, None)
        return login

    # -- runs --------------------------------------------------------------------------------------

    @contextmanager
    def inside(self, **environment: str) -> Iterator[Inside]:
        """An engine in this process."""
        with Inside.at(self.place, **self.provider.environment, **environment) as engine:
            yield engine

    def request(self, command: str = "touch done.txt", **more: Any) -> dict[str, Any]:
        """A request for an agent with a login."""
        return {"agent": "borrower", "command": command, **more}

    # -- what a person sees ------------------------------------------------------------------------

    def notices(self) -> list[dict[str, str]]:
        """All notices so far."""
        path = self.place.home / "notices.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def await_notice(self, count: int = 1) -> str:
        """Wait for so many notices; the code of the last one."""
        wait_until(lambda: len(self.notices()) >= count, f"{count} notices")
        code = re.search(r"^Code: (\S+)$", self.notices()[count - 1]["text"], re.MULTILINE)
        assert code is not None
        self.seen.add(code[1])
        return code[1]

    def approve(self, count: int = 1) -> str:
        """Read the notice, open its page, approve the code in it."""
        code = self.await_notice(count)
        self.provider.approve(code)
        return code

    def await_polls(self, count: int = 1) -> None:
        """Wait until the provider was asked so often whether the person has approved."""
        wait_until(lambda: len(self.provider.calls_of("CreateToken", "device")) >= count, f"{count} polls")

    # -- what is left ------------------------------------------------------------------------------

    def events(self, run_id: str = "run_1") -> list[dict[str, Any]]:
        """The login events of a run."""
        path = self.place.home / f"store/runs/{run_id}/events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["type"] == "login"]

    def statuses(self, run_id: str = "run_1") -> list[str]:
        """The statuses of the login in a run, by its events."""
        return [event["status"] for event in self.events(run_id)]

    def secrets(self) -> list[str]:
        """Every secret that the provider gave or was given."""
        found = [*self.provider._access_tokens, *self.provider._refresh_tokens, *self.provider._devices]
        found += self.provider._clients.values()
        for call in self.provider.calls:
            found += [v for k, v in call.body.items() if k in ("refreshToken", "deviceCode", "clientSecret")]
        return sorted(set(found))


def login_executions(inside: Inside) -> list[Execution]:
    """The executions of the login machine, the oldest first."""
    journal = inside.engine.engine.journal
    arn = inside.engine.engine.machine_arn("stepherd-login")
    found = [journal.execution(listed.arn) for listed in journal.executions(arn, None, None, -1)]
    return [execution for execution in reversed(found) if execution]


def states_of(inside: Inside, execution: Execution) -> list[str]:
    """The states that an execution entered."""
    events = inside.engine.engine.journal.events(execution.number)
    return [e.facts["name"] for e in events if e.type.endswith("StateEntered")]


def wait_until(fact: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look until something holds that another process brings about."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"no {what} after {seconds} s"
        time.sleep(0.02)


def holders_of(folder: Path, secrets: list[str], but: Mapping[str, str] | None = None) -> list[str]:
    """Which files below ``folder`` hold a secret, without those whose path has a part of ``but``."""
    excused = tuple(but or ())
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part in str(path) for part in excused)
        and any(secret.encode() in path.read_bytes() for secret in secrets)
    )
