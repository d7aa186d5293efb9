"""GET /executions/{run_id}/logs: what happened in a run and what its tasks wrote, from a cursor on.

Two sources: the run's events.jsonl, and where there is CloudWatch the streams of its tasks. A page holds what
is new in both, by time. Its cursor is good until the run is forgotten; an empty page is not the end:
``finished`` is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.calls import Answer, Call
from stepherd.api.cursors import bad_cursor, number_of, read_cursor, write_cursor
from stepherd.api.ownership import check_visible
from stepherd.events.vocabulary import EVENTS
from stepherd.history.progress import Progress
from stepherd.history.tasks import containers_of
from stepherd.runs.folder import run_folder
from stepherd.services.aws.log_streams import LogStreams, UnknownToken
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound

if TYPE_CHECKING:
    from stepherd.api.runs import Run
    from stepherd.api.service import Service
    from stepherd.services.store.contract import Store

__all__ = ["read_logs"]

_DEFAULT: Final = 200
_MOST: Final = 1000
_MOST_BYTES: Final = 1024 * 1024
"""Of a page from one source: Lambda answers with at most six times that."""
_MOST_CALLS: Final = 12
"""Of GetLogEvents for one page."""
_LATE_SECONDS: Final = 15
"""How long after a run's end its last lines may still be on their way to CloudWatch."""


@dataclass(slots=True)
class _Position:
    """How far was read: bytes of events.jsonl, how many streams to their end, and a token for each other."""

    offset: int = 0
    done: int = 0
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: str | None) -> _Position:
        """The position in a cursor. Raises InvalidCall."""
        given = {"offset": 0, "done": 0, "tokens": {}} if cursor is None else read_cursor(cursor)
        offset, done, tokens = (given.get(name) for name in ("offset", "done", "tokens"))
        if type(offset) is not int or type(done) is not int or min(offset, done) < 0:
            raise bad_cursor()
        if not isinstance(tokens, dict) or not all(isinstance(t, str) and t for t in tokens.values()):
            raise bad_cursor()
        return cls(offset, done, dict(tokens))

    def cursor(self) -> str:
        """The cursor for this position."""
        return write_cursor({"offset": self.offset, "done": self.done, "tokens": self.tokens})


def read_logs(call: Call, service: Service) -> Answer:
    """A page of a run's log. Raises NotFoundError for another's run, too; InvalidCall for the parameters."""
    parameters = call.parameters("cursor", "limit")
    most = number_of(parameters, "limit", _DEFAULT, _MOST)
    position = _Position.of(parameters.get("cursor"))
    check_visible(service.store, call.caller, call.run_id)
    # Before the logs: what is written until the run has ended is read, or the run is not called finished.
    run = service.runs.find(call.run_id)
    events, events_end = _events(run_folder(service.store, call.run_id).store, position, most)
    lines, lines_end = _lines(service, call.run_id, position, most - len(events))
    finished = events_end and lines_end and _is_over(run, service)
    entries = sorted([*events, *lines], key=lambda entry: str(entry["at"]))
    body = {"run_id": run.run_id, "events": entries, "next_cursor": position.cursor(), "finished": finished}
    return Answer(200, body)


def _is_over(run: Run, service: Service) -> bool:
    if run.running or run.stopped is None:
        return False
    if service.tasks is None:
        return True
    return _long_ago(run.stopped)


def _events(folder: Store, position: _Position, most: int) -> tuple[list[dict[str, Any]], bool]:
    """Whole lines of events.jsonl after the position, which moves on; whether that was all."""
    try:
        content = folder.get(EVENTS).body
    except ObjectNotFound:
        return [], True
    found: list[dict[str, Any]] = []
    begin = position.offset
    while len(found) < most and position.offset - begin < _MOST_BYTES:
        end = content.find(b"\n", position.offset)
        if end < 0:
            return found, True
        found += _event(content[position.offset : end])
        position.offset = end + 1
    return found, position.offset >= len(content)


def _event(line: bytes) -> list[dict[str, Any]]:
    try:
        fields = read_json(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(fields, Mapping):
        return []
    at = str(fields.get("at", ""))
    return [{"at": at, "source": "events", "event": {k: v for k, v in fields.items() if k != "at"}}]


def _lines(
    service: Service, run_id: str, position: _Position, most: int
) -> tuple[list[dict[str, Any]], bool]:
    """Lines of the tasks' streams after the position, which moves on; whether that was all for now."""
    if service.tasks is None:
        return [], True
    found: list[dict[str, Any]] = []
    calls = 0
    progress = Progress()
    progress.feed(service.runs.history(run_id))
    ended = {container: row.ended for row in progress.rows for container in row.containers}
    streams = containers_of(progress.rows)
    for number, container in enumerate(streams[position.done :], start=position.done):
        end = False
        while not end:
            if len(found) >= most or calls == _MOST_CALLS:
                return found, False
            token = position.tokens.get(str(number))
            lines, token, end = _page(service.tasks, container.stream, token, most - len(found))
            calls += 1
            if token:
                position.tokens[str(number)] = token
            found += [{"at": line["at"], "source": container.state, "text": line["text"]} for line in lines]
        over = ended[container]
        if number == position.done and over is not None and time.time() - over > _LATE_SECONDS:
            # Nothing comes any more: it is not asked again, or those of a long run would never be done.
            position.done += 1
            position.tokens.pop(str(number), None)
    return found, True


def _page(
    tasks: LogStreams, stream: str, token: str | None, most: int
) -> tuple[list[dict[str, str]], str | None, bool]:
    try:
        return tasks.page(stream, token, most)
    except UnknownToken:
        raise bad_cursor() from None


def _long_ago(moment: str) -> bool:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() > _LATE_SECONDS
