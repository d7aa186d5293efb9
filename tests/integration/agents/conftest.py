"""An agent as its step runs it: prepared, planned, supervised, judged; the CLI is a fake beside the test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.fakes.install import Fake, install

from stepherd.agents.contract import AgentContext, Evidence, Outcome
from stepherd.agents.environment import agent_environment
from stepherd.agents.output import Transcript
from stepherd.agents.registry import get_agent
from stepherd.agents.supervisor import Limits, StopRequest, supervise
from stepherd.events.vocabulary import Event
from stepherd.logins.database import write_login
from stepherd.logins.kinds import login_kind, user_database
from stepherd.logins.login import Login, Registration, Token
from stepherd.processes.launcher import ProcessLauncher
from stepherd.services.redaction import Redactor

PROGRAMS = {"q": "q", "kiro": "kiro-cli"}


@dataclass
class Trial:
    """One agent, and what became of it."""

    root: Path
    name: str
    fake: Fake
    events: list[Event] = field(default_factory=list)
    evidence: Evidence | None = None

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def database(self) -> Path:
        return user_database(login_kind(self.name), self.home)

    def log_in(self, *, ends: timedelta = timedelta(hours=1), start_url: str | None = None) -> None:
        """Put a login database where the step would."""
        self.database.parent.mkdir(parents=True)
        scopes = login_kind(self.name).scopes
        now = datetime.now(UTC)
        token = Token("access-one", now + ends, "refresh-one", "us-east-1", start_url, "DeviceCode", scopes)
        client = Registration(
            "client", "secret-one", now + timedelta(days=9), "us-east-1", "DeviceCode", scopes
        )
        write_login(self.database, Login(login_kind(self.name), token, client))

    def run(
        self, secrets: Mapping[str, str] | None = None, *, stop: StopRequest | None = None, **context: Any
    ) -> Outcome:
        """Prepare, plan, supervise, judge."""
        agent = get_agent(self.name)
        given = AgentContext(
            "run_1",
            self.root / "workspace",
            self.root / "instructions",
            home=self.home,
            secrets=secrets or {},
            **context,
        )
        agent.prepare(given)
        launch = agent.plan(given)
        environment = agent_environment(
            run_id="run_1",
            home=self.home,
            scratch=self.root / "tmp",
            instructions=given.instructions,
            extra=given.secrets,
        )
        transcript = Transcript.create(self.root / "transcript.jsonl", Redactor(given.secrets.values()))
        own = stop or StopRequest()
        evidence = supervise(
            launch,
            name="agent",
            environment=environment,
            folder=given.workspace,
            limits=Limits(20, linger_seconds=0.2, interrupt_grace=0.3, terminate_grace=0.3),
            transcript=transcript,
            stop=own,
            launcher=ProcessLauncher(None, own.pause),
            reader=agent.reader(),
            tell=self.events.append,
        )
        transcript.close()
        own.close()
        self.evidence = replace(evidence, changed_files=len(list(given.workspace.iterdir())))
        return agent.judge(self.evidence)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [event.to_json() for event in self.events if event.kind == kind]


class Trials:
    """Makes them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path = root / "bin"

    def of(self, name: str, **behaviour: Any) -> Trial:
        """An agent whose CLI behaves so."""
        for folder in ("home", "workspace", "instructions", "tmp"):
            (self._root / folder).mkdir()
        (self._root / "instructions/instructions.md").write_text("---\nagent: q\n---\n# Do the work\n")
        return Trial(self._root, name, install(self.path, PROGRAMS[name], **behaviour))


@pytest.fixture
def trials(tmp_path: Path) -> Iterator[Trials]:
    """Agents whose CLIs are first on PATH."""
    made = Trials(tmp_path)
    with patch.dict(os.environ, PATH=f"{made.path}{os.pathsep}{os.environ['PATH']}"):
        yield made
