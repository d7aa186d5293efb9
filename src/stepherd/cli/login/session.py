"""Following a login to its end on the home's engine, and taking it back when whoever asked leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.client import LOGIN, EngineGone
from stepherd.backends.home.background import hand_on
from stepherd.backends.home.engines import gone
from stepherd.backends.sources import OwnSource, RemoteSource, Source
from stepherd.cli.follow.execution import until_over, wait_for
from stepherd.cli.follow.notices import NewNotices
from stepherd.cli.follow.signals import Signal, Signals
from stepherd.client.logging_in import forget_attempt, new_login_name, start_login
from stepherd.history.logins import LoginProgress

if TYPE_CHECKING:
    from stepherd.cli.invocation import Invocation
    from stepherd.cli.login.view import LoginView
    from stepherd.engine.local import LocalEngine

__all__ = ["EXIT_CODES", "LoginSession"]

EXIT_CODES: Final = {Signal.INTERRUPTED: 130, Signal.TERMINATED: 143, Signal.HUNG_UP: 129}
"""Of a login that was cancelled because of what happened."""


class LoginSession:
    """One execution of the login machine, started by a person."""

    def __init__(self, call: Invocation, request: dict[str, Any], view: LoginView) -> None:
        self._call = call
        self._request = request
        self._view = view
        self._signals = Signals()
        self._notices: NewNotices | None = None
        self.name = new_login_name()
        self.progress = LoginProgress(call.backend.execution_arn(self.name, LOGIN))

    def follow(self) -> Signal:
        """Start it and show it until it ends, or until it was stopped because of what happened."""
        return asyncio.run(self._follow())

    async def _follow(self) -> Signal:
        with self._signals.listening():
            try:
                while True:
                    found = await self._call.backend.attach()
                    try:
                        if isinstance(found, RemoteSource):
                            found.tell = self._view.announce
                            return await self._until_over(found, None)
                        return await self._on_our_own(found)
                    except EngineGone:
                        continue  # Another one has the home by now, or we do.
            finally:
                self._view.close()

    async def _on_our_own(self, engine: LocalEngine) -> Signal:
        self._notices = NewNotices(self._call.home)
        engine.open(LOGIN)
        try:
            return await self._until_over(OwnSource(engine), engine)
        finally:
            await hand_on(engine)

    async def _until_over(self, source: Source, engine: LocalEngine | None) -> Signal:
        start_login(source.call, self._call.backend, self.name, self._request)
        signal = await until_over(source, lambda: self._refresh(source), self._view, self._signals)
        if signal is not Signal.ENDED:
            await self._stop(source, engine)
        return signal

    async def _refresh(self, source: Source) -> bool:
        said = self._notices.read() if self._notices else []
        if self.progress.feed(await source.news(self.progress.arn, self.progress.last_event)):
            self._view.update(self.progress)
        shown = self.progress.waiting.user_code if self.progress.waiting else ""
        for notice in said:
            if not shown or shown not in notice:
                self._view.announce(notice)
        return self.progress.status != "RUNNING"

    async def _stop(self, source: Source, engine: LocalEngine | None) -> None:
        """No one is asked: a login that no one waits for is of no use."""
        cause = {"error": "Stopped", "cause": "Cancelled at the terminal."}
        source.call("StopExecution", {"executionArn": self.progress.arn, **cause})
        if engine:
            await wait_for(asyncio.ensure_future(gone(engine, self.progress.arn)), self._view, self._signals)
        forget_attempt(self._call.backend, self._request, self.progress.arn, self._call.output.note)
