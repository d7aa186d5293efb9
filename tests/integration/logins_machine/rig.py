"""The login machine's functions without a machine: a store, the provider's stand-in, who hears answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.logins.approving import Notice, complete_login
from stepherd.logins.asking import start_login
from stepherd.logins.attempts import Attempt, read_attempt
from stepherd.logins.checking import check_login
from stepherd.logins.kinds import LoginKind, login_kind
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login
from stepherd.logins.opening import open_location
from stepherd.logins.request import LoginRequest
from stepherd.logins.settings import LoginSettings, login_settings
from stepherd.logins.time_budget import TimeBudget
from stepherd.services.store.opening import open_store

__all__ = ["FastPace", "Machine", "Rig"]

Q = login_kind("q")
ARN = "arn:aws:states:us-east-1:000000000000:execution"


@dataclass
class Machine:
    """Takes answers as Step Functions does; ``scripted`` are errors that calls raise first."""

    open_tokens: set[str] = field(default_factory=lambda: {"t1"})
    answers: list[tuple[str, ...]] = field(default_factory=list)
    beats: int = 0
    scripted: list[Exception] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    loses_answers: bool = False
    """Whether the next answer takes effect, and the connection drops before the caller hears of it."""

    def succeed(self, token: str, output: Mapping[str, object]) -> bool:
        return self._answer(token, "succeeded", json.dumps(dict(output)))

    def fail(self, token: str, error: str, cause: str) -> bool:
        return self._answer(token, "failed", error, cause)

    def beat(self, token: str) -> bool:
        self.beats += 1
        return token in self.open_tokens

    def is_running(self, arn: str) -> bool:
        return arn in self.running

    def _answer(self, token: str, *words: str) -> bool:
        if self.scripted:
            raise self.scripted.pop(0)
        if token not in self.open_tokens:
            return False
        self.open_tokens.discard(token)
        self.answers.append(words)
        if self.loses_answers:
            from stepherd.errors import UnavailableError

            raise UnavailableError("The connection broke.")
        return True


@dataclass(frozen=True)
class FastPace(TimeBudget):
    """Time that passes only when somebody sleeps; after so many sleeps something happens."""

    remaining: Callable[[], float] = lambda: 900.0
    slept: list[float] = field(default_factory=list)
    then: dict[int, Callable[[], object]] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=sum(self.slept))

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        act = self.then.get(len(self.slept))
        if act is not None:
            act()
        return True


@dataclass
class Rig:
    """One login of Amazon Q, wanted by ``run_1``."""

    folder: Path
    provider: IdentityProvider
    machine: Machine = field(default_factory=Machine)
    kind: LoginKind = Q

    @classmethod
    @contextmanager
    def at(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
        """A store without a login below ``folder``, and a provider that this process's boto3 talks to."""
        with IdentityProvider() as provider:
            for name, value in provider.environment.items():
                monkeypatch.setenv(name, value)
            yield cls(folder / "store", provider)

    @property
    def place(self) -> LoginLocation:
        return open_location(self.kind, None, open_store(str(self.folder)))

    def wanted(self, run_id: str = "run_1", **more: Any) -> LoginRequest:
        fields = {
            "agent": self.kind.name,
            "run_id": run_id,
            "folder": (self.folder / "runs" / run_id).as_uri(),
            "execution": f"{ARN}:stepherd-login:login-of-{run_id}",
            "holder": f"{ARN}:stepherd-pipeline:{run_id}",
            **more,
        }
        return LoginRequest.from_json(fields)

    def _settings(self, wanted: LoginRequest, secret: Mapping[str, str] | None) -> LoginSettings:
        if secret is None:
            return login_settings(wanted, "")
        path = self.folder.parent / "secret.json"
        path.write_text(json.dumps(secret))
        return login_settings(wanted, f"file:{path}")

    def check(
        self, wanted: LoginRequest | None = None, secret: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        wanted = wanted or self.wanted()
        settings = self._settings(wanted, secret)
        return check_login(wanted, settings, self.place, self.machine, now=datetime.now(UTC))

    def start(
        self,
        wanted: LoginRequest | None = None,
        secret: Mapping[str, str] | None = None,
        *,
        later: float = 0,
        **more: Any,
    ) -> dict[str, Any]:
        wanted = wanted or self.wanted()
        now = datetime.now(UTC) + timedelta(seconds=later)
        return start_login(wanted, self._settings(wanted, secret), self.place, now=now, **more)

    def complete(self, asked: Mapping[str, Any], pace: TimeBudget | None = None, *, token: str = "t1") -> str:
        notice = Notice(token, asked["attempt"], asked["code"], self.wanted())
        return complete_login(notice, self.place, self.machine, pace or FastPace())

    def attempt(self, asked: Mapping[str, Any]) -> Attempt:
        found = read_attempt(self.place, asked["attempt"])
        assert found is not None
        return found.attempt

    def give_login(self, seconds: int = 3600, start_url: str | None = None) -> Login:
        login = self.provider.login(self.kind, seconds=seconds, start_url=start_url)
        self.place.save(login, None)
        return login

    def stored(self) -> Login:
        found = self.place.load()
        assert found is not None
        return found.login

    def events(self, run_id: str = "run_1") -> list[dict[str, Any]]:
        path = self.folder / "runs" / run_id / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def statuses(self, run_id: str = "run_1") -> list[str]:
        return [event["status"] for event in self.events(run_id)]

    def polls(self) -> int:
        return len(self.provider.calls_of("CreateToken", "device"))
