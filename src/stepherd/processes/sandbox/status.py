"""Reports of bubblewrap on its status descriptor: lines of JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["StatusReader"]

_CHUNK: Final = 65_536


@dataclass(slots=True)
class StatusReader:
    """Reads ``--json-status-fd`` as far as it is needed."""

    fd: int
    _text: bytes = b""
    _seen: dict[str, Any] = field(default_factory=dict)

    def child(self) -> int | None:
        """Wait for the process id of the sandbox's init; None when bubblewrap ended before there was one."""
        while "child-pid" not in self._seen and self._read():
            pass
        os.set_blocking(self.fd, False)
        return self._number("child-pid")

    def exit_code(self) -> int | None:
        """After bubblewrap's end: the command's exit code; None when the command never ran, or was killed
        together with bubblewrap."""
        # Not to the end of the file: what is still being killed inside may hold it open.
        while "exit-code" not in self._seen and self._read():
            pass
        return self._number("exit-code")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def _number(self, name: str) -> int | None:
        number = self._seen.get(name)
        return number if isinstance(number, int) else None

    def _read(self) -> bool:
        """Take what is there; False when there is nothing, or no more."""
        try:
            chunk = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return False
        *lines, self._text = (self._text + chunk).split(b"\n")
        for line in lines:
            found = json.loads(line)
            self._seen.update(found if isinstance(found, dict) else {})
        return bool(chunk)
