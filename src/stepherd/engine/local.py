"""An engine with everything around it: lock, application, functions, tasks, endpoint. One per home."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.engine.api.http import LoopbackServer
from stepherd.engine.application import Application, load_application
from stepherd.engine.deliveries import DELIVERIES, Deliveries
from stepherd.engine.endings import ending_event, ending_name, hearers
from stepherd.engine.identity import REGION
from stepherd.engine.integrations.contract import Integration, Surroundings
from stepherd.engine.integrations.services import integrations_of
from stepherd.engine.journal.lock import EngineAddress, HomeLock
from stepherd.engine.runners.choice import RunnerChoice, Runners
from stepherd.engine.runners.functions import FunctionPool
from stepherd.services.file_modes import UMASK_VARIABLE

if TYPE_CHECKING:
    from stepherd.engine.journal.clock import Clock
    from stepherd.engine.journal.records import Execution
    from stepherd.engine.runners.container_runner import Needs
    from stepherd.engine.runners.forking import ForkServer

__all__ = ["LocalEngine", "base_environment"]

_PASSED_ON = (
    *(UMASK_VARIABLE, "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK", "PYTHONPATH"),
    *("STEPHERD_WORK_FOLDER", "STEPHERD_ALLOW_LOCAL_SUBMODULES", "STEPHERD_ALLOW_LOOPBACK_REMOTES"),
    *(
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "ALL_PROXY",
        "all_proxy",
    ),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO", "GIT_HTTP_PROXY_AUTHMETHOD"),
    *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    # How a container or a pod is told of its role.
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
)


def base_environment(extra: tuple[str, ...] = ()) -> dict[str, str]:
    """The part of this process's environment that functions and tasks get: an allowlist, nothing else.

    The user's own git and AWS configuration goes along by name, because a task's HOME is its own.
    """
    names = [*_PASSED_ON, *extra, *(n for n in os.environ if n.startswith("AWS_ENDPOINT_URL_"))]
    passed = {name: os.environ[name] for name in names if name in os.environ}
    if "STEPHERD_TASK_TMPDIR" in os.environ:
        # Where tasks run as root, the agent's user must be able to reach its workspace.
        passed["TMPDIR"] = os.environ["STEPHERD_TASK_TMPDIR"]
    home = os.environ.get("HOME")
    if home:
        passed["STEPHERD_USER_HOME"] = home
        passed.setdefault("AWS_CONFIG_FILE", os.environ.get("AWS_CONFIG_FILE", f"{home}/.aws/config"))
        shared = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", f"{home}/.aws/credentials")
        passed.setdefault("AWS_SHARED_CREDENTIALS_FILE", shared)
    if "AWS_REGION" in passed:  # Not made up where it is not set: the profile may have another.
        passed.setdefault("AWS_DEFAULT_REGION", passed["AWS_REGION"])
    return passed


class LocalEngine:
    """Opens a home: reads the application, serves the endpoint, resumes what was running."""

    def __init__(
        self,
        home: Path,
        template: Path,
        parameters: Mapping[str, str],
        *,
        clock: Clock | None = None,
        runner: RunnerChoice | None = None,
        needs: Needs | None = None,
        notices: str = "",
        forks: ForkServer | None = None,
        access_key: str | None = None,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        shows_notices: bool = True,
    ) -> None:
        self.home = home
        self.application = load_application(template, parameters)
        self.access_key = access_key or secrets.token_urlsafe(24)
        self._lock = HomeLock(home)
        self._clock = clock
        self._runner = runner
        self._needs = needs
        shown = "console" if shows_notices else "record"
        self._notices = notices or f"{shown}:{home / 'notices.jsonl'}"
        self._environment = dict(base_environment() if environment is None else environment)
        self._server = LoopbackServer(port)
        self.endpoint = f"http://{self._server.address}"
        secret_url = f"{self.endpoint}/{self.access_key}/"
        functions = {**self._environment, "AWS_ENDPOINT_URL_SFN": secret_url, "AWS_REGION": REGION}
        self._forks = forks
        logs = self.home / "logs" / "functions"
        self.pool = FunctionPool(self.application.functions, functions, logs, forks)
        self._deliveries = Deliveries(self.home / DELIVERIES, self._deliver, self._is_over, self._over)
        self._warming: asyncio.Task[None] | None = None
        self.resumed: list[str] = []

    def acquire(self) -> bool:
        """Take the home; False when another live engine has it."""
        return self._lock.acquire()

    def release(self) -> None:
        """Give up a home that was acquired and not opened, and what was warmed up."""
        if self._forks:
            self._forks.close()
        self.pool.kill()
        self._server.give_up()
        self._lock.release()

    def warm_up(self) -> None:
        """Start the processes that every run needs first. The home need not have been acquired."""
        if self._forks:
            self._forks.start()
        self.pool.warm_first()

    def open(self, first: str = "") -> None:
        """Begin work; the home must have been acquired. Raises DataError for a corrupt journal.

        ``first`` is the name of the state machine that will be asked for first: the functions that it calls
        are started before it calls them. Default: the template's first.
        """
        # Only now: functions that were warmed up are loading meanwhile.
        from stepherd.engine.serving import served_engine

        if self._forks:
            self._forks.start()
        try:
            self.engine, self.api, endpoint = served_engine(self.home, self._clock, self.access_key)
        except BaseException:
            self.release()
            raise
        self.engine.at_end = self._tell_of_the_end
        self._server.start(endpoint)
        self._lock.publish(EngineAddress(self.endpoint, self.access_key, os.getpid()))
        self._warming = asyncio.ensure_future(self.pool.warm(self._needed_soon(first)))
        self._put_machines(self.application)
        self.resumed = self.engine.open(self._integrations())
        self._deliveries.resume()

    def _needed_soon(self, first: str) -> list[str]:
        """The functions that a state machine calls: others can wait until they are called."""
        machines, functions = self.application.machines, self.application.functions
        wanted = [machine for machine in machines if machine.name == first] or machines[:1]
        return [f.name for f in functions if not machines or f.arn in wanted[0].definition]

    def _put_machines(self, application: Application) -> None:
        for source in application.machines:
            existing = self.engine.journal.machine(self.engine.machine_arn(source.name))
            if existing is None or existing.definition != source.definition:
                self.engine.put_machine(source.name, source.definition, source.role_arn)

    def _integrations(self) -> dict[str, Integration]:
        runners = Runners(
            self.home,
            self._runner,
            needs=self._needs,
            forks=self._forks,
            handles=lambda arn: (attempt.handle for attempt in self.engine.journal.attempts_of(arn)),
        )
        self.engine.at_removal = runners.forget
        return integrations_of(
            Surroundings(
                self.home,
                self.application,
                self.engine,
                self.pool,
                runners,
                self._environment,
                self._deliveries,
                self._notices,
            )
        )

    @property
    def has_home(self) -> bool:
        """Whether the home is there still. Without one nothing that ends can be found out any more."""
        return self._lock.is_there

    async def _deliver(self, name: str, event: str) -> None:
        function = self.pool.function(name)
        if function is not None:  # Else it has left the template since the message was kept.
            await self.pool.invoke(function, event)

    def _tell_of_the_end(self, execution: Execution) -> None:
        """Have the functions told that hear of such an end, also when this engine dies in the next moment."""
        for function in hearers(self.application.ends, execution):
            name = ending_name(execution, function)
            try:
                self._deliveries.keep_end(
                    name, function, ending_event(execution), execution.arn, execution.redrives
                )
            except OSError as error:
                # A disk that is full must not keep a run from being stopped.
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "the end of an execution could not be written down", "exception": error}
                )
                continue
            self._deliveries.begin(name)

    async def _over(self, arn: str, redrives: int) -> bool:
        return await self.engine.over(arn, redrives)

    def unfinished(self) -> bool:
        """Whether an execution runs, or the end of one is still to be told of."""
        return bool(self.engine.running()) or self._deliveries.under_way

    def _is_over(self, token: str) -> bool:
        return self.engine.tokens.is_over(token)

    async def close(self, *, leave_tasks: bool = False) -> None:
        """End work and give the home up; see Engine.close."""
        self.api.closed = True
        try:
            if self._warming:
                self._warming.cancel()
            await self._deliveries.close()
            await self.engine.close(leave_tasks=leave_tasks)
            if self._forks:
                self._forks.close()
            await self.pool.close()
            await self._server.stop()
        finally:
            self._lock.release()
