"""A run against a git server far away, beside a shell script that clones and pushes with the same token."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.integration.repositories.http_server import serve

from benchmarks.figures import Figure, median_seconds
from benchmarks.pipeline import SCRIPT
from benchmarks.steps import git

__all__ = ["remote_figures"]

_ROUND_TRIP: Final = 0.15
"""The time of one request and its answer, in seconds."""
_MOST_TIMES: Final = 1.8
_TIMES: Final = 5
_TOKEN: Final = "of-the-benchmark"


def remote_figures() -> Iterator[Figure]:
    """Wall time at a round trip of 150 ms, for a connection as for a request."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _repository(place)
        with serve(place, _TOKEN) as server, _far_away(server.port) as port:
            yield _wall(place, port)


def _repository(place: Path) -> None:
    work = place / "work"
    work.mkdir()
    (work / "README.md").write_text("A repository.\n")
    (place / "instructions.md").write_text("# Change a note\n")
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    git(place, "clone", "-q", "--bare", str(work), str(place / "team.git"))
    git(place / "team.git", "config", "http.receivepack", "true")


def _wall(place: Path, port: int) -> Figure:
    (place / "script.sh").write_text(SCRIPT)
    url = f"http://127.0.0.1:{port}/team.git"
    with_token = urlsplit(url)._replace(netloc=f"x-access-token:{_TOKEN}@127.0.0.1:{port}").geturl()
    home = {"STEPHERD_HOME": str(place / "home"), "STEPHERD_ALLOW_LOOPBACK_REMOTES": "1", "TOKEN": _TOKEN}
    run = [
        str(Path(sys.executable).with_name("stepherd")), "run", "--runner", "process", "--repo", url,
        "--instructions", str(place / "instructions.md"), "--git-credentials", "env:TOKEN",
        "--command", "sh -c 'date +%s%N > note.txt'",
    ]  # fmt: skip

    def by_stepherd() -> None:
        subprocess.run(run, check=True, env={**os.environ, **home}, capture_output=True)

    def by_script() -> None:
        words = ["sh", str(place / "script.sh"), with_token, str(place / "clone"), str(time.time_ns())]
        subprocess.run(words, check=True, capture_output=True)

    by_stepherd()  # Fills the bytecode cache.
    pairs = [(median_seconds(by_stepherd, 1), median_seconds(by_script, 1)) for _ in range(_TIMES)]
    value, baseline = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Figure.of(
        f"run against a remote at {_ROUND_TRIP * 1000:.0f} ms, whole 'stepherd run', wall", value, "s",
        f"≤ {_MOST_TIMES:g} times a shell script", value <= _MOST_TIMES * baseline, baseline,
    )  # fmt: skip


@contextmanager
def _far_away(port: int) -> Iterator[int]:
    """A port of this machine that leads to ``port``, half a round trip away in each direction."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> asyncio.Server:
        async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(_ROUND_TRIP)  # Until the client knows that it is connected.
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
            with suppress(asyncio.CancelledError):  # At the end.
                await asyncio.gather(_carry(reader, there_writer), _carry(there_reader, writer))

        return await asyncio.start_server(serve_one, "127.0.0.1", 0)

    async def end() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each piece is passed on half a round trip after it came, also while later ones are on their way."""
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def deliver() -> None:
        while True:
            at, piece = await due.get()
            await asyncio.sleep(at - loop.time())
            if not piece:
                writer.close()
                return
            writer.write(piece)

    delivering = asyncio.ensure_future(deliver())
    piece = b"-"
    while piece:
        try:
            piece = await reader.read(65536)
        except ConnectionError:
            piece = b""
        due.put_nowait((loop.time() + _ROUND_TRIP / 2, piece))
    await delivering
