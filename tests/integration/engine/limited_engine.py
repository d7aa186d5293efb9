"""``python -m tests.integration.engine.limited_engine FOLDER``: an engine that can run out of things.

It serves until SIGTERM, and prints its endpoint with its key. It has two functions and a task definition. A
line ``WHAT COUNT`` of its standard input leaves so much more of something to it and to all that it started:
``processes``, ``threads`` (its own alone), ``forks`` (of its server of forks alone), ``files``, bytes of a
file (``disk``) or of its own memory (``memory``); ``lift`` gives all back. It prints the line when done.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from stepherd.engine.local import LocalEngine
from stepherd.engine.runners.forking import ForkServer

LIMITS = (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Do:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: do, CodeUri: code/, Handler: app.handle, Runtime: python3.13, Timeout: 60}
  Other:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: other, CodeUri: code/, Handler: app.handle, Runtime: python3.13, Timeout: 60}
  Job:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: job
      ContainerDefinitions: [{Name: main, Image: none, Command: [/bin/sh, -c, "exit 0"]}]
"""


def _own_processes() -> dict[int, int]:
    """The process ids of this user, with the number of threads of each."""
    found = {}
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and f"Uid:\t{os.getuid()}\t" in (path / "status").read_text():
                found[int(path.name)] = len(list((path / "task").iterdir()))
        except OSError:
            continue
    return found


def _set(process: int, what: int, soft: int | None) -> None:
    hard = resource.prlimit(process, what)[1]
    resource.prlimit(process, what, (hard if soft is None else soft, hard))


def obey(line: str) -> None:
    """Change what is left."""
    word, _, count = line.partition(" ")
    more, processes = int(count or 0), _own_processes()
    threads = sum(processes.values())
    for process in processes:
        own = process == os.getpid()
        forks = b"fork_program" in Path(f"/proc/{process}/cmdline").read_bytes()
        if word == "lift":
            for what in LIMITS:
                _set(process, what, None)
        elif word == "processes" or (word == "threads" and own) or (word == "forks" and forks):
            _set(process, resource.RLIMIT_NPROC, threads + more)
        elif word == "files":
            with suppress(PermissionError):  # The server of forks shows itself to none.
                files = len(list(Path(f"/proc/{process}/fd").iterdir()))
                _set(process, resource.RLIMIT_NOFILE, files + more)
        elif word == "memory" and own:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            _set(process, resource.RLIMIT_AS, pages * resource.getpagesize() + more)
        elif word == "disk":
            _set(process, resource.RLIMIT_FSIZE, 1 + more)


async def serve(folder: Path) -> None:
    """Serve until SIGTERM."""
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code/app.py").write_text("def handle(event, context):\n    return event\n")
    forks = ForkServer((), "json", {"PYTHONPATH": ":".join(sys.path)}, folder)
    local = LocalEngine(folder / "home", folder / "template.yaml", {}, forks=forks)
    assert local.acquire()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    local.open()
    print(f"{local.endpoint}/{local.access_key}/", flush=True)

    def read_line() -> None:
        line = sys.stdin.readline().strip()
        obey(line)
        print(line, flush=True)

    asyncio.get_running_loop().add_reader(sys.stdin, read_line)
    await ended.wait()
    await local.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
