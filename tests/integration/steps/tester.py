"""An agent for tests of the step: it has everything that an agent can have, and does what its command says.

``python -m tests.integration.steps.tester agent`` is the step with this agent in the registry.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from stepherd.agents.command_line import split_command
from stepherd.agents.contract import (
    AgentContext,
    AgentFailed,
    BasicAgent,
    BasicReader,
    Evidence,
    Kept,
    Launch,
    Outcome,
    Reader,
    Stream,
)
from stepherd.agents.registry import _AGENTS
from stepherd.errors import CredentialsError
from stepherd.events.vocabulary import Event, Message, Retry, ToolUse, Usage

__all__ = ["AGENT", "ROOT", "TesterAgent", "register"]

ROOT = Path(__file__).parents[3]
_EVENTS: Mapping[str, type[Any]] = {"message": Message, "tool_use": ToolUse, "usage": Usage, "retry": Retry}


class TesterReader(BasicReader):
    """Lines are JSON: {"type": of an event, …}, {"done": true}, or {"stumble": …}."""

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        if not line.startswith("{"):
            return super().feed(stream, line)
        try:
            record = json.loads(line)
        except ValueError:
            return super().feed(stream, line)
        if "stumble" in record:
            raise RuntimeError("the reader is broken")
        if "done" in record:
            self.done = True
            return ()
        event: Event = _EVENTS[record.pop("type")](**record)
        if isinstance(event, Usage):
            self.turns, self.cost_usd = event.turns or 0, event.cost_usd or 0.0
        return (event,)

    def facts(self) -> Mapping[str, Any]:
        return {"turns": self.turns}


class TesterAgent(BasicAgent):
    name: ClassVar[str] = "tester"
    login: ClassVar[str | None] = "q"
    secret_names: ClassVar[tuple[str, ...]] = ("TESTER_KEY", "TESTER_OTHER")
    session_paths: ClassVar[tuple[str, ...]] = (".tester/sessions",)
    keeps: ClassVar[frozenset[Kept]] = frozenset({"model", "max_turns", "max_cost_usd", "verify_rounds"})

    def check(self, command: str | None) -> None:
        split_command(command or "", "--command")

    def prepare(self, context: AgentContext) -> None:
        if "refuse" in (context.command or ""):
            raise CredentialsError(
                f"There is no login, but {context.secrets['TESTER_KEY']}.", remedy="Log in."
            )
        assert context.home is not None
        (context.home / "settings.json").write_text("{}")

    def plan(self, context: AgentContext) -> Launch:
        return Launch(
            split_command(context.command or "", "--command"),
            {"TESTER_SESSION": context.session, "TESTER_RESUME": str(context.resume)},
        )

    def reader(self) -> Reader:
        return TesterReader()

    def judge(self, evidence: Evidence) -> Outcome:
        if os.environ.get("TESTER_JUDGE") == "broken":
            raise KeyError("no verdict")
        if evidence.exit_code == 0 and evidence.ending in {"exited", "lingered"}:
            return Outcome("succeeded")
        words = f"{evidence.ending} {evidence.exit_code}, {evidence.changed_files} changed"
        return Outcome(
            "failed", AgentFailed(f"The tester failed: {words}. {' '.join(evidence.last_lines[-3:])}")
        )


AGENT = TesterAgent


def register() -> None:
    _AGENTS["tester"] = "tests.integration.steps.tester"


if __name__ == "__main__":
    register()
    from stepherd.steps.execution import main

    sys.exit(main(sys.argv[1:]))
