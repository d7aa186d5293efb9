"""Carrying a login to its end on the home's engine, and taking it back when whoever asked leaves."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.client import LOGIN, ApiFault, Call, EngineGone
from stepherd.backends.home.background import hand_on
from stepherd.backends.home.engines import gone
from stepherd.backends.sources import Elsewhere, OwnSource, Source
from stepherd.cli.follow.execution import until_over, wait_for
from stepherd.cli.follow.notices import NewNotices
from stepherd.cli.follow.signals import Happening, Happenings
from stepherd.errors import StepherdError
from stepherd.history.logins import LoginProgress

if TYPE_CHECKING:
    from stepherd.cli.login.view import LoginView
    from stepherd.cli.output import Output
    from stepherd.engine.local import LocalEngine

__all__ = ["EXIT_CODES", "LoginSession", "new_login_name"]

EXIT_CODES: Final = {Happening.INTERRUPTED: 130, Happening.TERMINATED: 143, Happening.HUNG_UP: 129}
"""Of a login that was cancelled because of what happened."""


def new_login_name(now: datetime | None = None, token: str | None = None) -> str:
    """A name such as ``login_20261121T101500Z_3fa9c1``."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"login_{moment:%Y%m%dT%H%M%SZ}_{token or secrets.token_hex(3)}"


class LoginSession:
    """One execution of the login machine, started by a person."""

    def __init__(self, output: Output, request: dict[str, Any], view: LoginView) -> None:
        self._output = output
        self._request = request
        self._view = view
        self._happenings = Happenings()
        self._notices: NewNotices | None = None
        self.name = new_login_name()
        self.progress = LoginProgress(output.place.execution_arn(self.name, LOGIN))

    def carry(self) -> Happening:
        """Start it and show it until it ends, or until it was stopped because of what happened."""
        return asyncio.run(self._carry())

    async def _carry(self) -> Happening:
        with self._happenings.listening():
            try:
                while True:
                    found = await self._output.place.attach()
                    try:
                        if isinstance(found, Elsewhere):
                            found.tell = self._view.announce
                            return await self._follow(found, None)
                        return await self._on_our_own(found)
                    except EngineGone:
                        continue  # Another one has the home by now, or we do.
            finally:
                self._view.close()

    async def _on_our_own(self, engine: LocalEngine) -> Happening:
        self._notices = NewNotices(self._output.home)
        engine.open(LOGIN)
        try:
            return await self._follow(OwnSource(engine), engine)
        finally:
            await hand_on(engine)

    async def _follow(self, source: Source, engine: LocalEngine | None) -> Happening:
        self._start(source.call)
        happening = await until_over(source, lambda: self._refresh(source), self._view, self._happenings)
        if happening is not Happening.ENDED:
            await self._stop(source, engine)
        return happening

    def _start(self, call: Call) -> None:
        request = {
            "stateMachineArn": self._output.place.machine_arn(LOGIN),
            "name": self.name,
            "input": json.dumps(self._request),
        }
        try:
            call("StartExecution", request)
        except ApiFault as error:
            # The engine that had begun it was replaced, and the next one went on with it.
            if error.code != "ExecutionAlreadyExists":
                raise

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
        """Nobody is asked: a login that nobody waits for is of no use."""
        cause = {"error": "Stopped", "cause": "Cancelled at the terminal."}
        source.call("StopExecution", {"executionArn": self.progress.arn, **cause})
        if engine:
            await wait_for(
                asyncio.ensure_future(gone(engine, self.progress.arn)), self._view, self._happenings
            )
        self._forget_attempt()

    def _forget_attempt(self) -> None:
        """Remove the device code: who polls for it finds it gone, and ends."""
        from stepherd.backends.login_locations import login_place
        from stepherd.logins.attempts import attempt_id

        try:
            place = login_place(self._output.place, self._request["agent"], self._request.get("reference"))
            place.folder.delete(place.attempt_key(attempt_id(self.progress.arn, 0)))
        except StepherdError as error:
            self._output.note(f"What was asked for lies in the store until it ends: {error.message}")
