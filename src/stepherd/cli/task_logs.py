"""The logs of a run's tasks, merged by state, read as they grow."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepherd.cli.client import execution_arn
from stepherd.cli.engines import reading
from stepherd.cli.output import Output, clean
from stepherd.cli.sources import CallSource, Source, new_events

__all__ = ["Line", "LogReader", "show_lines"]

_LONGEST_LINE = 8_000
_READ_AT_ONCE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one task."""

    state: str
    text: str


@dataclass(slots=True)
class _File:
    state: str
    path: Path
    offset: int = 0
    rest: bytes = b""


@dataclass(slots=True)
class LogReader:
    """Finds the log files of a run by its history, and reads each on from where it stopped."""

    home: Path
    run_id: str
    only: str | None = None
    status: str = "RUNNING"
    _files: dict[Path, _File] = field(default_factory=dict)
    _last: int = 0
    _states: dict[int, str] = field(default_factory=dict)

    async def learn(self, source: Source) -> None:
        """Take new events: which tasks there are, and whether the run has ended."""
        described = await source.call("DescribeExecution", {"executionArn": execution_arn(self.run_id)})
        for event in await new_events(source, self.run_id, self._last):
            self._take(event)
        self.status = described["status"]

    def _take(self, event: dict[str, Any]) -> None:
        number = self._last = int(event["id"])
        entered = event.get("stateEnteredEventDetails")
        state = entered["name"] if entered else self._states.get(event["previousEventId"], "")
        self._states[number] = state
        submitted = event.get("taskSubmittedEventDetails")
        if submitted and submitted["resourceType"] == "ecs" and self.only in (None, state):
            for task in json.loads(submitted["output"])["Tasks"]:
                self._add(state, task)

    def _add(self, state: str, task: dict[str, Any]) -> None:
        folder = self.home / "tasks" / task["TaskArn"].rsplit("/", 1)[-1]
        for container in task["Containers"]:
            path = folder / container["Name"] / "log"
            self._files.setdefault(path, _File(state, path))

    def read(self) -> list[Line]:
        """New lines since the last call, file by file in the order of the tasks."""
        lines: list[Line] = []
        for file in self._files.values():
            lines += [Line(file.state, text) for text in _new_lines(file, final=self.status != "RUNNING")]
        return lines

    async def follow(self, output: Output) -> None:
        """Show new lines until the run has ended."""
        while True:
            ended = self.status != "RUNNING"
            show_lines(output, self.read())
            if ended:
                return
            await asyncio.sleep(0.3)
            with reading(self.home) as call:
                await self.learn(CallSource(call))


def _new_lines(file: _File, *, final: bool) -> list[str]:
    try:
        with file.path.open("rb") as stream:
            stream.seek(file.offset)
            data = stream.read(_READ_AT_ONCE)
    except FileNotFoundError:
        return []
    file.offset += len(data)
    *whole, file.rest = (file.rest + data).split(b"\n")
    if final and file.rest:
        whole, file.rest = [*whole, file.rest], b""
    return [line[:_LONGEST_LINE].decode("utf-8", "replace") for line in whole]


def show_lines(output: Output, lines: list[Line]) -> None:
    """Print lines with their state in front, or one JSON object a line."""
    for line in lines:
        text = clean(line.text)
        if output.as_json:
            output.data(json.dumps({"state": line.state, "message": text}, ensure_ascii=False))
        else:
            output.data(f"{line.state:<16} {text}")
