"""The embedded engine of a home as the backend of runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.backends.client import PIPELINE, Call, execution_arn, machine_arn
from stepherd.backends.home.engines import attach_or_acquire, find_or_wait, reading
from stepherd.backends.home.logs import TaskLogs
from stepherd.backends.home.runner import chosen_runner
from stepherd.backends.sources import EndpointSource
from stepherd.cloud.contexts import LOCAL
from stepherd.engine.identity import ACCOUNT
from stepherd.engine.journal.lock import EngineAddress
from stepherd.engine.runners.choice import settled_choice
from stepherd.logins.kinds import DATABASE_VARIABLE, DEFAULT_KIND
from stepherd.services.secrets.absolute import absolute_secret
from stepherd.services.store.opening import open_store

if TYPE_CHECKING:
    from stepherd.backends.beginning import Beginning
    from stepherd.backends.home.logs import TaskLogs
    from stepherd.backends.kept_work import Kept
    from stepherd.backends.sources import RemoteSource
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice
    from stepherd.runs.request import Request
    from stepherd.services.store.contract import Store

__all__ = ["HomeBackend"]


@dataclass(frozen=True, slots=True)
class HomeBackend:
    """The backend of an embedded engine; see ``Backend``."""

    home: Path

    @property
    def context(self) -> str:
        return LOCAL

    @property
    def title(self) -> str:
        return str(self.home)

    @property
    def where(self) -> str:
        return ""

    @property
    def background(self) -> str:
        return "in the background"

    def machine_arn(self, machine: str = PIPELINE) -> str:
        return machine_arn(machine)

    def execution_arn(self, name: str, machine: str = PIPELINE) -> str:
        return execution_arn(name, machine)

    def knows(self, arn: str) -> bool:
        return arn.split(":")[4:5] == [ACCOUNT]

    def console(self, run_id: str) -> str | None:  # noqa: ARG002
        return None

    def reading(self) -> AbstractContextManager[Call]:
        return reading(self.home)

    def store(self) -> Store:
        return open_store((self.home / "store").as_uri())

    def login_database(self, kind: str, given: str | None) -> str:
        """``given``, else Q_DATABASE_S3_URI for ``q``.

        A path is made absolute, and one of a folder means data.sqlite3 in there.
        """
        given = given or (os.environ.get(DATABASE_VARIABLE, "") if kind == DEFAULT_KIND else "")
        if not given or "://" in given:
            return given
        path = os.path.abspath(Path(given).expanduser())  # noqa: PTH100 - links stay, and it need not exist
        return f"{path}/" if given.endswith("/") or Path(path).is_dir() else path

    def keys_secret(self) -> str | None:
        return None

    def task_lines(self, run_id: str, only: str | None) -> TaskLogs:  # noqa: ARG002
        return TaskLogs(self.home, only)

    async def attach(self, engine: LocalEngine | None = None) -> RemoteSource | LocalEngine:
        found = await attach_or_acquire(self.home, engine)
        return EndpointSource(found) if isinstance(found, EngineAddress) else found

    async def find(self, seconds: float) -> RemoteSource | None:
        address = await find_or_wait(self.home, seconds)
        return EndpointSource(address) if address else None

    def runner(self, kind: str | None, image: str | None) -> RunnerChoice | None:
        return chosen_runner(kind, image)

    def runner_of(self, run_id: str) -> RunnerChoice | None:
        return settled_choice(self.home, execution_arn(run_id))

    def check_push(self, request: Request, base_commit: str | None) -> None:
        from stepherd.backends.home.checking import ask_repository  # for its start-up time

        ask_repository(self.home, replace(request, base=base_commit or request.base))

    def prepare(
        self, run_id: str, request: dict[str, Any], runner: RunnerChoice | None, *, detach: bool
    ) -> Beginning:
        from stepherd.backends.home.start import prepare  # for its start-up time

        credentials = request.get("git_credentials", os.environ.get("GIT_CREDENTIALS_SECRET_ID", ""))
        if credentials:
            # With the request, because the engine that carries it may have been started elsewhere.
            request = {**request, "git_credentials": absolute_secret(credentials)}
        return prepare(self.home, run_id, request, runner, detach=detach)

    def begin(self, beginning: Beginning) -> Call:
        from stepherd.backends.home.start import begin_in_background  # for its start-up time

        return begin_in_background(self.home, beginning)

    def stop(self, run_id: str, request: Mapping[str, str], tell: Callable[[str], None]) -> Kept | None:
        from stepherd.backends.home.stop import stop_at_home  # for its start-up time

        return stop_at_home(self, run_id, request, tell)
