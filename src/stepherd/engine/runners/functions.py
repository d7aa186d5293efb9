"""Lambda functions as processes of their own, through AWS's runtime interface client.

Each worker asks for its events over a pair of sockets that only it and the engine have (decision 0012).
Workers stay warm and serve one invocation at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from stepherd.engine.asl.values import compact, parse
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.runners.forking import ForkServer
from stepherd.engine.runners.function_channel import packed, receive_from
from stepherd.engine.runners.function_process import FunctionProcess
from stepherd.engine.runners.processes import interpreter_path
from stepherd.engine.runners.references import referred
from stepherd.engine.threads import EXHAUSTED, in_thread, shortage, start_thread

__all__ = ["Function", "FunctionPool"]

_WORKERS = 4
"""Invocations of one function that run at the same time; more wait their turn."""
_INIT_SECONDS = 30
"""A laptop that is busy loads code slower than Lambda, which allows 10 seconds."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the template describes it. ``timeout`` is in seconds, ``memory`` in MB."""

    name: str
    code: Path
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3
    memory: int = 128
    arn: str = ""


class _Worker:
    """One process, the pair of sockets to it, and the invocation it works on.

    The process begins at once; what it asks is answered from ``serve`` on, which needs the event loop.
    """

    def __init__(
        self, function: Function, environment: Mapping[str, str], log: IO[bytes], forks: ForkServer | None
    ) -> None:
        self.function = function
        self._event: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._request = ""
        self._answer: asyncio.Future[tuple[str, str]] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._init_error: str | None = None
        self._ready = asyncio.Event()
        self._ended: asyncio.Future[int] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._process = FunctionProcess(
            function.handler, function.code, self._complete(environment), log, forks
        )

    def serve(self) -> asyncio.Future[int]:
        """Answer the process's requests, from the first call on; its exit code, once it ends.

        Raises OSError when no thread can be had to wait for that.
        """
        if self._ended is None:
            self._ended = _end_of(self._process)
            self._serving = asyncio.ensure_future(self._serve())
        return self._ended

    async def begun(self) -> None:
        """Wait until the process has loaded its code, or ended."""
        ready = asyncio.ensure_future(self._ready.wait())
        ends: set[asyncio.Future[Any]] = {ready, self.serve()}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()

    def _complete(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The process's whole environment: ``environment``, the function's own, and what Lambda sets."""
        function = self.function
        own = {
            "PATH": interpreter_path(),
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": str(function.code),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(function.code), environment.get("PYTHONPATH")])),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "TZ": ":UTC",
        }
        return {**environment, **referred(function.environment, os.environ), **function.environment, **own}

    async def invoke(self, payload: str) -> str:
        """The function's answer as JSON text; raises TaskError as Lambda's integration does."""
        self._request, ended = str(uuid.uuid4()), self.serve()
        self._answer = asyncio.get_running_loop().create_future()
        self._taken = asyncio.get_running_loop().create_future()
        self._event.put_nowait({"id": self._request, "body": payload, "arn": self.function.arn})
        ends: set[asyncio.Future[Any]] = {self._answer, ended}
        # The function's time begins when its code has been loaded, for which Lambda has a limit of its own.
        begins = {*ends, self._taken}
        await asyncio.wait(begins, timeout=_INIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(ends, timeout=self.function.timeout, return_when=asyncio.FIRST_COMPLETED)
        if not self._answer.done() and ended.done() and self._serving:
            await self._serving  # Its words before it ended.
        if not self._answer.done():
            raise self._no_answer(self._request, ended)
        kind, body = self._answer.result()
        if kind == "error":
            raise _raised(body)
        return body

    def _no_answer(self, request: str, ended: asyncio.Future[int]) -> TaskError:
        if self._process.error is not None:
            return _unstarted(self.function, self._process.error)
        if self._init_error is not None:
            return _raised(self._init_error)
        if ended.done():
            words = f"RequestId: {request} Error: Runtime exited with error: exit status {ended.result()}"
            payload = compact({"errorMessage": words, "errorType": "Runtime.ExitError"})
            reason = "The cause could not be determined because Lambda did not return an error type. "
            return TaskError("Lambda.Unknown", f"{reason}Returned payload: {payload}")
        words = f"RequestId: {request} Error: Task timed out after {self.function.timeout:.2f} seconds"
        return TaskError(
            "Sandbox.Timedout", compact({"errorType": "Sandbox.Timedout", "errorMessage": words})
        )

    @property
    def usable(self) -> bool:
        """Whether it can take another invocation."""
        alive = not (self._ended and self._ended.done())
        return alive and (self._answer is None or self._answer.done())

    async def close(self) -> None:
        """Kill the process and what it started."""
        try:
            ended = self.serve()
        except OSError:
            self.kill()
            return
        await in_thread(self._process.kill)
        await ended
        if self._serving:
            self._serving.cancel()
            await asyncio.wait([self._serving])

    def kill(self) -> None:
        """Kill the process and what it started, where there is no event loop to wait in."""
        self._process.kill()
        self._process.wait()
        self._process.channel.close()

    # -- what the process asks and answers ---------------------------------------------------------

    async def _serve(self) -> None:
        stream, writer = await asyncio.open_connection(sock=self._process.channel)
        try:
            while (message := await receive_from(stream)) is not None:
                if message.get("kind") == "next":
                    await self._next(writer)
                else:
                    self._take(message)
        finally:
            writer.close()

    async def _next(self, writer: asyncio.StreamWriter) -> None:
        self._ready.set()
        event = await self._event.get()
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)
        deadline = int((time.time() + self.function.timeout) * 1000)
        writer.write(packed({**event, "deadline": deadline}))

    def _take(self, message: Mapping[str, Any]) -> None:
        """An answer counts once, and only for the invocation that is under way."""
        kind, body = message.get("kind"), message.get("body")
        if not isinstance(body, str):
            return
        if kind == "init":
            self._init_error = body
        if kind not in ("response", "error") or message.get("id") != self._request:
            return
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((kind, body))


def _end_of(process: FunctionProcess) -> asyncio.Future[int]:
    """The exit code of a process, once it ends.

    By a thread of its own: the loop's few are for short work, which workers that live as long as the engine
    would hold up for ever.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def settle(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def wait() -> None:
        code = process.wait()
        with contextlib.suppress(RuntimeError):  # The loop was closed before the process was waited for.
            loop.call_soon_threadsafe(settle, code)

    start_thread(wait, "end of a function")
    return ended


def _unstarted(function: Function, error: BaseException) -> TaskError:
    """As Lambda says that it is short of something: machines try again after that."""
    return TaskError(
        "Lambda.ServiceException", f"The function {function.name} could not be started: {shortage(error)}."
    )


def _raised(body: str) -> TaskError:
    """A function's own exception: its type is the error, the whole report the cause [recorded]."""
    try:
        report = parse(body)
    except ValueError:
        return TaskError("Lambda.Unknown", body)
    return TaskError(str(report.get("errorType") or "Lambda.Unknown"), compact(report))


class FunctionPool:
    """All functions of an application, by name or ARN."""

    def __init__(
        self,
        functions: list[Function],
        environment: Mapping[str, str],
        logs: Path,
        forks: ForkServer | None = None,
    ) -> None:
        self._functions = {key: function for function in functions for key in (function.name, function.arn)}
        self._environment = environment
        self._logs = logs
        self._forks = forks
        self._idle: dict[str, list[_Worker]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._all: set[_Worker] = set()

    def function(self, name: str) -> Function | None:
        """A function by its name, its ARN, or its ARN with a qualifier."""
        return self._functions.get(name) or self._functions.get(name.rsplit(":", 1)[0])

    def warm_first(self) -> None:
        """Start a worker of the template's first function: it needs no event loop yet."""
        for function in self._distinct()[:1]:
            with contextlib.suppress(*EXHAUSTED):  # It is started when it is called, or what calls it fails.
                self._idle[function.name] = [self._start(function)]

    async def warm(self, names: Collection[str]) -> None:
        """Start a worker of each of these functions before it is asked for, one after the other.

        All at once would take the processor from the one that is needed first.
        """
        for function in (each for each in self._distinct() if each.name in names):
            with contextlib.suppress(*EXHAUSTED):
                if function.name not in self._idle:
                    self._idle[function.name] = [self._start(function)]
                for worker in self._idle[function.name][:1]:
                    await worker.begun()

    def _distinct(self) -> list[Function]:
        return list({each.name: each for each in self._functions.values()}.values())

    def _start(self, function: Function) -> _Worker:
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._logs / f"{function.name}.log").open("ab") as log:
            worker = _Worker(function, self._environment, log, self._forks)
        self._all.add(worker)
        return worker

    async def invoke(self, function: Function, payload: str) -> str:
        """Run a function once; raises TaskError when it fails."""
        slot = self._slots.setdefault(function.name, asyncio.Semaphore(_WORKERS))
        async with slot:
            idle = self._idle.setdefault(function.name, [])
            worker = next((w for w in iter(lambda: idle.pop() if idle else None, None) if w.usable), None)
            try:
                worker = worker or self._start(function)
                return await worker.invoke(payload)
            except EXHAUSTED as error:
                raise _unstarted(function, error) from error
            finally:
                if worker is not None and worker.usable:
                    idle.append(worker)
                elif worker is not None:
                    self._all.discard(worker)
                    await worker.close()

    def kill(self) -> None:
        """End all workers, where there is no event loop."""
        for worker in self._all:
            worker.kill()

    async def close(self) -> None:
        """End all workers and wait for them."""
        workers, self._all = list(self._all), set()
        self._idle.clear()
        await asyncio.gather(*(worker.close() for worker in workers))
