"""Whether podman or docker works: a client alone starts no container, and a run would find that out late."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from stepherd.engine.runners.container_client import Answer, ContainerClient
from stepherd.errors import ConfigurationError
from stepherd.text.plain import one_paragraph

__all__ = ["RuntimeCheck"]

_SECONDS: Final = 20.0
_QUESTION: Final = ("container", "ls", "--quiet", "--last", "1")
"""Both programs answer it by their runtime alone, and quickly."""


class RuntimeCheck:
    """A question to ``program`` that is asked while other things are looked into."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._answer: Answer | None = None
        self._asking = threading.Thread(target=self._ask, name="container-runtime")
        self._asking.start()

    def wait(self) -> None:
        """Until it has answered, or its time is up."""
        self._asking.join()

    def check(self) -> None:
        """Raises ConfigurationError with the program's own words when it does not work."""
        self.wait()
        answer = self._answer
        if answer is not None and answer.code == 0:
            return
        reason = one_paragraph(answer.reason, 300) if answer is not None else "it did not answer"
        raise ConfigurationError(
            f"{self._program} is installed but does not work: {reason}",
            remedy=f"Start it (try: {self._program} container ls), or leave --runner {self._program} out.",
        )

    def _ask(self) -> None:
        self._answer = asyncio.run(ContainerClient(self._program).ask(*_QUESTION, seconds=_SECONDS))
