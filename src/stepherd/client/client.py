"""The client: runs of a home or a stack, for programs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from stepherd.backends.beginning import Beginning
from stepherd.backends.branch_page import branch_page
from stepherd.backends.choice import choose, default_home, open_backend
from stepherd.backends.client import LOGIN, Call
from stepherd.backends.home.home_check import check_home
from stepherd.backends.kept_work import look
from stepherd.backends.log_reader import LogReader
from stepherd.backends.sources import learn
from stepherd.client.arguments import check_count, check_moment, check_status, in_seconds
from stepherd.client.following import follow
from stepherd.client.listing import Wanted, chosen
from stepherd.client.outcome import describe
from stepherd.client.records import LogLine, Run, State, Stopped, Update, Waiting, moment
from stepherd.client.report import Report
from stepherd.client.request import Request
from stepherd.client.wording import in_own_words
from stepherd.errors import NotFoundError
from stepherd.history.progress import Progress
from stepherd.history.runs import iterate_runs, waiting_runs
from stepherd.logins.kinds import DEFAULT_KIND
from stepherd.runs.ids import check_run_id, new_run_id

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.client.records import Login

__all__ = ["Client"]

_Result = TypeVar("_Result")
_LOOK_AGAIN_SECONDS: Final = 0.25
_SOON_SECONDS: Final = 1.0
"""How long an engine that is on its way may take."""
_LONGEST_REASON: Final = 32_000


def _silent(_words: str) -> None:
    pass


class Client:
    """Starts runs and follows them, on the embedded engine of a home or on a deployed stack.

    >>> import stepherd
    >>> with stepherd.Client(home=home) as client:
    ...     run = client.start(stepherd.Request(repo=repo, instructions=instructions, agent="apply"))
    ...     states = client.wait(run).fields["states"]
    ...     report = client.report(run)
    >>> report.status, states[0]["name"], report.files[0].path
    ('SUCCEEDED', 'PrepareRun', 'word.txt')

    A client carries no run itself: at home an engine in the background does, which the client starts where
    there is none, and which ends by itself when nothing is left to do. So runs outlive their client, and
    every method may be called from any thread, also where an event loop runs, as in a notebook.

    Methods raise the errors of ``stepherd.errors``; each has a message, a remedy and an exit code.
    """

    def __init__(self, *, home: str | Path | None = None, context: str | None = None) -> None:
        """``home`` is where everything is kept: STEPHERD_HOME, else ~/.stepherd. ``context`` names a stack,
        or ``local``; where it is None, STEPHERD_CONTEXT or the default context of the home counts.

        The AWS profile and region of a stack's context are those of the whole process from then on. Raises
        NotFoundError for a context that is not there, ConfigurationError for a home that others can change.
        """
        self._words: Callable[[], AbstractContextManager[None]] = in_own_words
        with self._words():
            where = default_home() if home is None else Path(home).expanduser().absolute()
            check_home(where)
            self._backend = open_backend(where, choose(where, context))

    @classmethod
    def on(cls, backend: Backend) -> Self:
        """A client of a backend that was opened and checked already, for a command: its errors name flags."""
        client = cls.__new__(cls)
        client._words = contextlib.nullcontext
        client._backend = backend
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release everything that the client holds. Runs under way continue without this process."""

    # -- beginning -------------------------------------------------------------------------------------

    def start(
        self,
        request: Request | Mapping[str, Any],
        *,
        run_id: str | None = None,
        runner: str | None = None,
        image: str | None = None,
    ) -> Run:
        """Check a request and start its run. Every mistake in it is found before anything starts.

        ``run_id`` is the run's name, made from the time where it is None. ``runner`` and ``image`` are those
        of ``stepherd run``. Raises UsageError, DataError, CredentialsError, UnavailableError and others for
        what cannot be run, CannotCreateError for a ``run_id`` that is taken.
        """
        backend = self._backend
        fields = request.to_json() if isinstance(request, Request) else in_seconds(request)
        with self._words():
            name = check_run_id(run_id) if run_id is not None else new_run_id()
            with backend.prepare(name, fields, backend.runner(runner, image), detach=True) as beginning:
                backend.begin(beginning)
        return self._just_begun(name)

    def redrive(self, run: Run | str, **changes: Any) -> Run:
        """Run again what a failed, stopped or timed out run has left undone; its run.

        ``changes`` are ``timeout_seconds`` (seconds, or a text such as ``2h``), ``max_turns``,
        ``max_cost_usd``, ``branch`` and ``allow``. Where
        a redrive cannot take them up, the run that is given back is a new one that continues this one.
        Raises UsageError for a run that cannot be redriven.
        """
        # For its start-up time: a redrive reads run folders, which nothing else here does.
        from stepherd.backends.redriving import Continuation, plan_redrive

        backend, run_id = self._backend, _id_of(run)
        given = in_seconds({name: value for name, value in changes.items() if value is not None})
        with self._words():
            plan = plan_redrive(backend, run_id, given)
            if isinstance(plan, Continuation):
                runner = backend.runner_of(run_id)
                with backend.prepare(plan.run_id, plan.request, runner, detach=True) as beginning:
                    backend.begin(beginning)
                return self._just_begun(plan.run_id)

        def begin(call: Call) -> str:
            self._until_kept(call, run_id)
            return plan(call)

        with Beginning(run_id, begin) as beginning:
            backend.begin(beginning)
        return self.run(run_id)

    # -- looking ---------------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """A run by its id. Raises NotFoundError."""
        with self._backend.reading() as call:
            return self._read(call, run_id)

    def runs(
        self,
        *,
        status: str | None = None,
        limit: int = 20,
        since: datetime | None = None,
        repo: str | None = None,
        agent: str | None = None,
    ) -> list[Run]:
        """The last runs, newest first, each with what it is about. Those that wait for a login say for whom.

        ``since`` is the earliest start, ``repo`` a part of the repository's address or path, ``agent`` the
        agent's name. Raises UsageError for an unknown ``status``, a ``limit`` below 0, and a ``since`` of
        another type.
        """
        check_status(status)
        check_count("limit", limit)
        check_moment("since", since)
        backend = self._backend
        wanted = Wanted(since.timestamp() if since else None, repo, agent)
        machine = backend.machine_arn()  # Outside: a stack that is not there is an error, an empty home none.
        with contextlib.suppress(NotFoundError), backend.reading() as call:
            listed = iterate_runs(call, machine, status, max(1, limit))
            found = list(chosen(backend.store(), listed, wanted, limit)) if limit else []
            running = {one["run_id"] for one, _ in found if one["status"] == "RUNNING"}
            waiting = waiting_runs(call, backend.machine_arn(LOGIN), running) if running else {}
            return [Run.of(one, waiting.get(one["run_id"]), about) for one, about in found]
        return []

    def is_carried(self) -> bool:
        """Whether anything carries runs here: an engine, or a stack. Without it runs that have not ended are
        interrupted, and stand still until ``stepherd resume``."""
        backend = self._backend
        return _outside_of_loops(lambda: asyncio.run(backend.find(_SOON_SECONDS))) is not None

    def states(self, run: Run | str) -> tuple[State, ...]:
        """The states of a run so far, in the order in which they were entered."""
        with self._backend.reading() as call:
            progress = self._progress(call, _id_of(run))
            return tuple(State.of(row, progress.status) for row in progress.rows)

    def report(self, run: Run | str) -> Report:
        """How a run stands or ended: its branch, its files, its error."""
        run_id = _id_of(run)
        with self._backend.reading() as call:
            return Report.of(describe(self._backend, call, run_id, self._progress(call, run_id)))

    def page(self, run: Run | str) -> str | None:
        """The address of a page that compares a run's branch with its base; None where there is none.

        It is made of the run's request, and not of what an agent can write.
        """
        report = self.report(run)
        return branch_page(self._backend, report.run_id, report.branch) if report.branch else None

    def logs(
        self, run: Run | str, *, state: str | None = None, tail: int | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the output of a run's tasks: all lines, or the last ``tail``; with ``follow`` also those that
        come until the run ends. Raises UsageError for a ``state`` that has none and a ``tail`` below 0."""
        check_count("tail", tail)
        reader = LogReader(self._backend, _id_of(run), state)
        lines = reader.new() if tail is None else iter(reader.last(tail))
        for line in lines:
            yield LogLine(line.state, line.text)
        if follow:
            for line in reader.follow():
                yield LogLine(line.state, line.text)

    # -- waiting ---------------------------------------------------------------------------------------

    def follow(self, run: Run | str) -> AsyncIterator[Update]:
        """Every event of a run, from its first to its last, with the states that it changed, as they come::

            async for update in client.follow(run):
                for state in update.states:
                    print(state.name, state.status)

        Raises TemporaryError where a run has not ended and nothing carries it.
        """
        return follow(self._backend, _id_of(run))

    def wait(self, run: Run | str) -> Report:
        """Wait until a run has ended; its report."""

        async def ended() -> None:
            async for _ in self.follow(run):
                pass

        _outside_of_loops(lambda: asyncio.run(ended()))
        return self.report(run)

    # -- ending ----------------------------------------------------------------------------------------

    def stop(
        self,
        run: Run | str,
        *,
        reason: str = "stopped by a program",
        tell: Callable[[str], None] = _silent,
    ) -> Stopped:
        """Stop a run and all that it started, and wait until its work is kept.

        ``reason`` is kept with the run; ``tell`` takes lines for a person who waits. A run that had ended
        before stays as it is. Raises NotFoundError.
        """
        run_id = _id_of(run)
        with self._backend.reading() as call:
            before = self._read(call, run_id)
            kept = look(call, self._backend, run_id)
        if before.running or (kept is not None and not kept.over):
            tell(f"Stopping {run_id} and everything it started.")
            request = {
                "executionArn": self._arn(run_id), "error": "Stopped", "cause": reason[:_LONGEST_REASON],
            }  # fmt: skip
            kept = _outside_of_loops(lambda: self._backend.stop(run_id, request, tell))
        with self._backend.reading() as call:
            if kept is None or not kept.over:
                kept = look(call, self._backend, run_id)
            return Stopped(self._read(call, run_id), before.status, kept)

    # -- logging in ------------------------------------------------------------------------------------

    def login(self, agent: str = DEFAULT_KIND, *, show: Callable[[Waiting], None], **wanted: Any) -> Login:
        """Log a person in to an agent's service, and wait until it is done.

        ``show`` gets the address and the code that the person must approve, and again when there is a new
        code. ``wanted`` are ``license``, ``identity_provider``, ``region``, ``profile``, ``database`` and
        ``force``, as of ``stepherd login``. Raises CredentialsError where it is declined or not approved in
        time, UsageError, ConfigurationError.
        """
        from stepherd.client.logging_in import log_in  # of all methods this one alone needs boto3

        with self._words():
            return log_in(self._backend, {"agent": agent, **wanted}, show)

    # -- within ----------------------------------------------------------------------------------------

    def _arn(self, run_id: str) -> str:
        return self._backend.execution_arn(run_id)

    def _progress(self, call: Call, run_id: str) -> Progress:
        progress = Progress()
        learn(call, self._arn(run_id), progress)
        return progress

    def _just_begun(self, run_id: str) -> Run:
        """A run that was started just now: AWS may not know it yet."""
        try:
            return self.run(run_id)
        except NotFoundError:
            return Run(run_id, "RUNNING", moment(time.time()))

    def _read(self, call: Call, run_id: str) -> Run:
        described = call("DescribeExecution", {"executionArn": self._arn(run_id)})
        stopped = described.get("stopDate")
        return Run(
            run_id,
            described["status"],
            moment(described["startDate"]),
            moment(stopped) if stopped else None,
            described.get("redriveCount", 0),
        )

    def _until_kept(self, call: Call, run_id: str) -> None:
        """Wait until the work of a run that was stopped is kept: a redrive stands on it."""
        kept = look(call, self._backend, run_id)
        while kept is not None and not kept.over:
            time.sleep(_LOOK_AGAIN_SECONDS)
            kept = look(call, self._backend, run_id)


def _id_of(run: Run | str) -> str:
    return run if isinstance(run, str) else run.id


def _outside_of_loops(work: Callable[[], _Result]) -> _Result:
    """Do what runs an event loop of its own, also where one runs in this thread already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1, "stepherd") as threads:
        return threads.submit(work).result()
