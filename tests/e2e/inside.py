"""A home's engine inside the test's own process: no start-up to wait for, and several runs on one engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.place import ROOT, Place

from stepherd.backends.client import KEEP, execution_arn, machine_arn
from stepherd.backends.home.engines import parameters_of
from stepherd.engine.journal.clock import Clock
from stepherd.engine.local import LocalEngine
from stepherd.runs.kept import kept_name

_PATIENCE_SECONDS = 60


class Inside:
    """An open engine. Between calls its event loop stands still; tasks go on all the same."""

    def __init__(self, place: Place, engine: LocalEngine, runner: asyncio.Runner) -> None:
        self.place = place
        self.engine = engine
        self._runner = runner

    @classmethod
    @contextmanager
    def at(
        cls,
        place: Place,
        clock: Clock | None = None,
        template: Path = ROOT / "template.yaml",
        **environment: str,
    ) -> Iterator[Inside]:
        """The engine of the place's home; ``environment`` is what its tasks get on top of the usual."""
        usual = {name: place.environment[name] for name in ("PYTHONPATH", "LC_ALL")}
        usual["STEPHERD_USER_HOME"] = place.environment["HOME"]
        parameters = parameters_of(place.home)
        whole = {**usual, **environment}
        engine = LocalEngine(place.home, template, parameters, environment=whole, clock=clock)
        assert engine.acquire()
        with asyncio.Runner() as runner:
            runner.run(_opened(engine))
            try:
                yield cls(place, engine, runner)
            finally:
                runner.run(engine.close())

    def start(self, run_id: str, **request: Any) -> None:
        """Start a run on the place's remote; what ``stepherd run`` would have refused gets through."""
        fields = {
            "instructions": str(self.place.instructions()),
            "repo": str(self.place.origin.bare),
            **request,
        }
        start = {"stateMachineArn": machine_arn(), "name": run_id, "input": json.dumps(fields)}
        self._runner.run(self._call("StartExecution", start))

    def update_machine(self, definition: str) -> None:
        """Give the pipeline another definition, as a new version does; running executions keep theirs."""
        update = {"stateMachineArn": machine_arn(), "definition": definition}
        self._runner.run(self._call("UpdateStateMachine", update))

    def redrive(self, run_id: str) -> None:
        """Redrive a run."""
        self._runner.run(self._call("RedriveExecution", {"executionArn": execution_arn(run_id)}))

    def ended(self, run_id: str) -> str:
        """Wait for the end of a run; its status."""
        return self._runner.run(self._ended(run_id))

    def run(self, run_id: str = "run_1", **request: Any) -> str:
        """Start a run and wait for its end; its status."""
        self.start(run_id, **request)
        return self.ended(run_id)

    def rerun(self, run_id: str = "run_1") -> str:
        """Redrive a run and wait for its end; its status."""
        self.redrive(run_id)
        return self.ended(run_id)

    def meanwhile(self, wait: Callable[[], object]) -> None:
        """Let the engine go on while ``wait`` blocks."""
        self._runner.run(asyncio.to_thread(wait))

    def stop(self, run_id: str = "run_1", cause: str = "by a test") -> str:
        """Stop a run and wait until everything of it has stopped; its status."""
        self.begin_stop(run_id, cause)
        status = self.ended(run_id)
        self._runner.run(self.engine.engine.quiet())
        return status

    def begin_stop(self, run_id: str = "run_1", cause: str = "by a test") -> None:
        """Stop a run."""
        request = {"executionArn": execution_arn(run_id), "error": "Stopped", "cause": cause}
        self._runner.run(self._call("StopExecution", request))

    def kept(self, run_id: str = "run_1", redrives: int = 0) -> str:
        """Wait until what a run left is kept that was ended from outside; the status of that execution."""
        arn = execution_arn(kept_name(run_id, redrives), KEEP)
        return self._runner.run(asyncio.wait_for(self._ended_once_begun(arn), _PATIENCE_SECONDS))

    def settled(self) -> None:
        """Wait until nothing runs and nothing is still to be told of."""
        self._runner.run(asyncio.wait_for(self._settled(), _PATIENCE_SECONDS))

    async def _settled(self) -> None:
        while self.engine.unfinished():
            await self.engine.engine.changed(1.0)

    async def _ended_once_begun(self, arn: str) -> str:
        while self.engine.engine.journal.execution(arn) is None:
            assert self.engine.unfinished(), "nobody tells of the end"
            await self.engine.engine.changed(_PATIENCE_SECONDS)
        return (await self.engine.engine.ended(arn)).status

    async def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.engine.api.call(operation, request)
        return answer

    async def _ended(self, run_id: str) -> str:
        ended = self.engine.engine.ended(execution_arn(run_id))
        execution = await asyncio.wait_for(ended, _PATIENCE_SECONDS)
        return execution.status


async def _opened(engine: LocalEngine) -> None:
    engine.open()
