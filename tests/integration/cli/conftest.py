"""The real command in processes of its own: over pipes, and at a terminal."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stepherd

COMMAND = [sys.executable, "-m", "stepherd.cli"]


class Place:
    """A home, a repository and instructions below ``tmp_path``, and the command that works on them."""

    def __init__(self, tmp_path: Path) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self.path = tmp_path
        self.home = tmp_path / "home"
        self.origin = tmp_path / "origin.git"
        self.instructions = tmp_path / "instructions.md"
        self.instructions.write_text("# Write a file\n")
        self.environment = {**os.environ, "STEPHERD_HOME": str(self.home), "TERM": "xterm"}
        self.environment["PYTHONPATH"] = str(Path(stepherd.__file__).parents[1])
        for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
            self.environment.pop(name, None)
        self._repository()

    def _repository(self) -> None:
        work = self.path / "work"
        work.mkdir()
        (work / "README.md").write_text("Hello.\n")
        git = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@example.com"]
        for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
            subprocess.run([*git, *arguments], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(work), str(self.origin)], check=True)

    def run_words(self, command: str, *more: str) -> list[str]:
        """The words of ``stepherd run`` with an agent that is a shell command."""
        return [
            "run", "--repo", str(self.origin), "--instructions", str(self.instructions),
            "--command", f"sh -c '{command}'", *more,
        ]  # fmt: skip

    def gated(self, gate: str = "go") -> str:
        """A shell command that ends when the ``gate`` is opened, and not before."""
        return f"until [ -e {self.path}/{gate} ]; do sleep 0.05; done"

    def open(self, gate: str = "go") -> None:
        """Let the command behind the gate go on."""
        (self.path / gate).touch()

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """The command in the background, its streams in pipes."""
        process = subprocess.Popen(
            [*COMMAND, *words], env=self.environment, cwd=self.path, text=True, stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
        )  # fmt: skip
        self._started.append(process)
        return process

    def clean_up(self) -> None:
        """Leave no process and no open stream behind."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            process.wait(10)
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

    def stepherd(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def processes(self) -> list[int]:
        """Every process that belongs to this place, found by what it was started with."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                started = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                if str(self.home).encode() in started and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
        return found

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
        """Wait until something outside this process is so."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
            time.sleep(0.02)
        return value


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Afterwards no process of the place may be left, except an engine that is about to end by itself."""
    found = Place(tmp_path)
    yield found
    try:
        found.until(lambda: not found.processes(), "no process is left", 15)
    finally:
        found.clean_up()


class Terminal:
    """The command at a terminal. ``screen`` is what a person sees, without colours."""

    def __init__(self, place: Place, words: list[str], columns: int = 80, lines: int = 24) -> None:
        self.raw = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            env=place.environment,
            cwd=place.path,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.settings = termios.tcgetattr(slave)
        self._slave = slave

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read(self, seconds: float = 0.05) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._master, 65_536)
        except OSError:
            return False
        self.raw += self._decoder.decode(data)
        return bool(data)

    def expect(self, *texts: str, seconds: float = 30) -> None:
        """Read until all the texts are on the screen at once: a picture can come in several pieces."""
        deadline = time.monotonic() + seconds
        while missing := [text for text in texts if text not in self.screen]:
            self.read()
            assert time.monotonic() < deadline, f"{missing!r} did not come:\n{self.screen}"

    def end(self, seconds: float = 30) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self.read()
            assert time.monotonic() < deadline, f"it did not end:\n{self.screen}"
        while self.read():
            pass
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Whether the terminal's settings are those from before the command."""
        return termios.tcgetattr(self._slave) == self.settings

    def put_away(self) -> None:
        """End the command if it still runs, and the terminal."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            self.hang_up()

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._slave)
        os.close(self._master)

    @property
    def screen(self) -> str:
        """The lines on the screen: of the sequences those that the command uses are followed."""
        rows, row, column = [""], 0, 0
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.raw)
        for piece in re.findall(r"\x1b\[\d*[A-Z]|\r|\n|[^\x1b\r\n]+|\x1b", text):
            if piece == "\n":
                row, column = row + 1, 0
                rows += [""] * (row + 1 - len(rows))
            elif piece == "\r":
                column = 0
            elif piece.startswith("\x1b["):
                kind, count = piece[-1], int(piece[2:-1] or 0)
                if kind == "A":
                    row = max(0, row - max(1, count))
                elif kind == "K":
                    rows[row] = rows[row][:column]
                elif kind == "J":
                    rows[row:] = [rows[row][:column]]
            else:
                line = rows[row].ljust(column)
                rows[row] = line[:column] + piece + line[column + len(piece) :]
                column += len(piece)
        return "\n".join(line.rstrip() for line in rows)


@pytest.fixture
def terminal(place: Place) -> Iterator[Callable[..., Terminal]]:
    """Starts the command at a terminal."""
    opened: list[Terminal] = []

    def start(*words: str, **size: int) -> Terminal:
        opened.append(Terminal(place, list(words), **size))
        return opened[-1]

    yield start
    for one in opened:
        one.put_away()
