"""Processes forked from one that has loaded their code: they run as any other would, and nothing stays."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, Bench, Finished, task
from tests.processes import HeldFile, gone_soon, lives

from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.clock import SystemClock
from stepherd.engine.runners.choice import Runners
from stepherd.engine.runners.forking import ForkServer, Start
from stepherd.engine.runners.function_process import FunctionProcess
from stepherd.engine.runners.functions import Function, FunctionPool
from stepherd.engine.runners.processes import LocalProcess
from stepherd.processes.marked import family

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

ARN = "arn:aws:ecs:us-east-1:000000000000:task-definition/job:1"
PROGRAM = """
import ctypes, json, os, signal, sys, time
loaded = 'colorsys' in sys.modules
def open_files():
    links = (f'/proc/self/fd/{n}' for n in os.listdir('/proc/self/fd'))
    return sorted(os.readlink(link).split(':')[0] for link in links if os.path.exists(link))
def main():
    facts = {'argv': sys.argv[1:], 'cwd': os.getcwd(), 'environment': dict(os.environ),
             'input': sys.stdin.read(), 'path': sys.path[0], 'pid': os.getpid(), 'group': os.getpgrp(),
             'files': open_files(), 'hidden': not ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
             'signals': [str(signal.getsignal(n)) for n in (15, 2, 1, 17, 13)], 'loaded': loaded}
    print(json.dumps(facts), flush=True)
    print('to stderr', file=sys.stderr)
    if 'SIGNAL' in os.environ:
        os.kill(os.getpid(), int(os.environ['SIGNAL']))
    if 'HANG' in os.environ:
        if os.fork() == 0:
            os.setsid()
        time.sleep(600)
    if 'RAISE' in os.environ:
        raise KeyError(os.environ['RAISE'])
    sys.exit(int(os.environ.get('CODE', '0')))
if __name__ == '__main__':
    main()
"""
FUNCTION = """
import ctypes, os, sys, time
hidden = not ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
def handle(event, context):
    if event == 'exit':
        os._exit(3)
    if event == 'hang':
        time.sleep(600)
    return {'loaded': 'colorsys' in sys.modules, 'secret': os.environ.get('SECRET'), 'pid': os.getpid(),
            'hidden': hidden, 'root': os.environ['LAMBDA_TASK_ROOT'],
            'marker': os.environ.get('STEPHERD_TASK')}
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "loaded_first.py").write_text("import colorsys, json, os, signal, time\n")
    (folder / "app.py").write_text(FUNCTION)
    return folder


@pytest.fixture
def forks(modules: Path) -> Iterator[ForkServer]:
    """A server that has begun, for ``program`` and for functions."""
    server = new_server(modules)
    server.start()
    yield server
    server.close()


def new_server(modules: Path, loads: str = "loaded_first") -> ForkServer:
    path = os.pathsep.join(filter(None, [str(modules), os.environ.get("PYTHONPATH")]))
    return ForkServer(("program",), loads, {"PYTHONPATH": path}, modules)


def pid_of(server: ForkServer) -> int:
    assert server._process
    return server._process.pid


def integration(home: Path, modules: Path, forks: ForkServer | None, **own: str) -> EcsIntegration:
    container = Container("main", "image:1", ("python", "-m", "program", "first"), environment=own)
    environment = {"PYTHONPATH": str(modules), "USUAL": "usual"}
    runners = Runners(home, forks=forks)
    return EcsIntegration(
        [TaskDefinition(ARN, "job", (container,))], home / "tasks", environment, runners=runners
    )


def job(*words: str, program: str = "program", **variables: str) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in variables.items()]
    override = {"Name": "main", "Command": ["python", "-m", program, *words], "Environment": pairs}
    return {
        **task(ECS),
        "Arguments": {"TaskDefinition": "job", "Overrides": {"ContainerOverrides": [override]}},
    }


def ran(home: Path, ecs: EcsIntegration, state: dict[str, Any]) -> Finished:
    async def run() -> Finished:
        async with Bench(home, {"ecs": ecs}, clock=SystemClock()) as bench:
            return await bench.run({"T": state})

    return asyncio.run(run())


def said(home: Path) -> dict[str, Any]:
    lines = next(home.glob("tasks/*/main/log")).read_text().splitlines()
    assert lines[1] == "to stderr"
    facts: dict[str, Any] = json.loads(lines[0])
    return facts


def exit_code(done: Finished) -> int:
    cause = json.loads(done.events[-1]["executionFailedEventDetails"]["cause"])
    return int(cause["Containers"][0]["ExitCode"])


def left_over(home: Path) -> list[int]:
    names = [f"{path.parent.name}.{path.name}" for path in home.glob("tasks/*/*")]
    return [pid for name in names for pid in family(None, name)]


# -- tasks ---------------------------------------------------------------------------------------------


def test_a_task_that_is_forked_runs_as_one_that_is_started(
    tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    """GIVEN the same task twice, THEN all it sees is the same, but that its code was loaded already."""
    seen = {}
    for name, server in (("forked", forks), ("started", None)):
        home = tmp_path / name
        ecs = integration(home, modules, server, DECLARED="yes")
        done = ran(home, ecs, job("second word", "ü\n'\"", ADDED="a\nb'c", CODE="0"))
        assert done.status == "SUCCEEDED"
        facts = said(home)
        folder = next(home.glob("tasks/*/main"))
        assert facts.pop("loaded") is (server is forks)
        assert facts.pop("hidden") is (server is forks), "before it has its order"
        assert facts.pop("pid") != facts.pop("group")
        text = json.dumps(facts).replace(str(folder), "FOLDER").replace(folder.parent.name, "TASK")
        seen[name] = json.loads(text)
        for made_by_shell in ("PWD", "OLDPWD", "_", "SHLVL"):
            seen[name]["environment"].pop(made_by_shell, None)
    assert seen["forked"] == seen["started"]
    assert seen["forked"]["argv"] == ["second word", "ü\n'\""]
    assert seen["forked"]["environment"]["ADDED"] == "a\nb'c"


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"CODE": "7"}, 7), ({"SIGNAL": "9"}, 137), ({"SIGNAL": "15"}, 143), ({"RAISE": "x"}, 1)],
)
def test_its_exit_code_is_the_tasks(
    variables: dict[str, str], code: int, tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    done = ran(tmp_path, integration(tmp_path, modules, forks), job(**variables))
    assert exit_code(done) == code
    log = next(tmp_path.glob("tasks/*/main/log")).read_text()
    assert ("KeyError: 'x'" in log) is ("RAISE" in variables)


LEAVER = """
import signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["sleep", "20"], {})
    os._exit(0)
os.wait()
if os.environ["END"] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["killed", "usual"])
def test_what_a_task_left_without_marker_and_session_ends_with_it(
    end: str, tmp_path: Path, modules: Path
) -> None:
    held = HeldFile(tmp_path / "held")
    (modules / "program.py").write_text(held.hold() + LEAVER)
    server = new_server(modules)
    server.start()
    done = ran(tmp_path, integration(tmp_path, modules, server), job(END=end))
    assert not held.is_held()
    assert done.status == ("FAILED" if end == "killed" else "SUCCEEDED")
    server.close()


def test_a_program_that_is_not_named_is_started(tmp_path: Path, modules: Path, forks: ForkServer) -> None:
    (modules / "other.py").write_text(PROGRAM)
    done = ran(tmp_path, integration(tmp_path, modules, forks), job(program="other"))
    assert done.status == "SUCCEEDED"
    assert said(tmp_path)["loaded"] is False


@pytest.mark.parametrize("loads", ["loaded_first", "no_such_module"])
def test_without_the_server_a_task_is_started(loads: str, tmp_path: Path, modules: Path) -> None:
    """GIVEN a server that was killed, or could not load its code, THEN the task runs as it would without."""
    server = new_server(modules, loads)
    server.start()
    if loads == "loaded_first":
        os.kill(pid_of(server), signal.SIGKILL)
    else:
        assert gone_soon(pid_of(server))
    assert ran(tmp_path, integration(tmp_path, modules, server), job()).status == "SUCCEEDED"
    assert said(tmp_path)["loaded"] is False
    server.close()


def test_a_server_that_dies_with_a_request_unread_costs_nothing_but_time(
    tmp_path: Path, modules: Path
) -> None:
    """GIVEN a server that is killed while a task waits for it, THEN the task is started, and runs once."""
    server = new_server(modules)
    server.start()
    os.kill(pid_of(server), signal.SIGSTOP)

    async def scenario() -> bool:
        process = LocalProcess(tmp_path / "t" / "main", "t.main")
        asked = asyncio.ensure_future(process.start_forked(server, "program", [], {}))
        await asyncio.sleep(0)
        assert process.alive(), "the lock is held for it already"
        os.kill(pid_of(server), signal.SIGKILL)
        return await asked

    assert asyncio.run(scenario()) is False
    process = LocalProcess(tmp_path / "t" / "main", "t.main")
    assert not process.alive()
    assert process.exit_code() is None
    assert process.log.read_text() == ""
    server.close()


def test_a_server_that_dies_is_missed_while_what_it_forked_goes_on(
    tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    """Fails when a fork keeps the server's socket: requests would wait in it for ever."""
    processes = [LocalProcess(tmp_path / name / "main", f"{name}.main") for name in ("first", "second")]

    async def scenario() -> None:
        assert await processes[0].start_forked(forks, "program", [], {"HANG": "1"})
        os.kill(pid_of(forks), signal.SIGKILL)
        assert gone_soon(pid_of(forks))
        assert not await asyncio.wait_for(processes[1].start_forked(forks, "program", [], {}), 10)
        assert processes[0].alive()
        await processes[0].stop(5)

    asyncio.run(scenario())


def test_a_name_too_long_to_be_shown_is_started(tmp_path: Path, modules: Path, forks: ForkServer) -> None:
    process = LocalProcess(tmp_path / "t" / "main", "t" * 600)
    assert asyncio.run(process.start_forked(forks, "program", [], {})) is False
    assert not process.alive()
    assert lives(pid_of(forks)), "the next one can be forked"


# -- what others can see -------------------------------------------------------------------------------


async def _until(holds: Any) -> Any:
    for _ in range(2000):
        if found := holds():
            return found
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to hold")


def _memory(pid: int) -> bytes:
    """All that a process has in its writable memory."""
    found = b""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if span:
            start, end = (int(text, 16) for text in span.groups())
            with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory, suppress(OSError):
                memory.seek(start)
                found += memory.read(end - start)
    return found


def test_what_a_task_is_told_is_known_to_the_task_alone(
    tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    """A secret in a container's environment is in no environment that the system shows, and in the memory of
    neither the keeper nor the server, from which later tasks are forked."""
    secret = "canary-" + "in-environment"
    state = job(SECRET=secret, HANG="1")

    async def scenario() -> None:
        async with Bench(
            tmp_path, {"ecs": integration(tmp_path, modules, forks)}, clock=SystemClock()
        ) as bench:
            arn = bench.start({"T": state})
            log = await _until(lambda: next(tmp_path.glob("tasks/*/main/log"), None))
            await _until(lambda: "to stderr" in log.read_text())
            members = await _until(lambda: len(left_over(tmp_path)) == 3 and left_over(tmp_path))
            keeper = int((log.parent / "pid").read_text())
            pid = said(tmp_path)["pid"]
            assert {keeper, pid} < set(members), "found by their marker"
            for each in (*members, pid_of(forks)):
                assert secret.encode() not in Path(f"/proc/{each}/environ").read_bytes()
            assert secret.encode() in _memory(pid), "else nothing is looked for"
            assert secret.encode() not in _memory(keeper)
            assert secret.encode() not in _memory(pid_of(forks))
            bench.call("StopExecution", executionArn=arn)

    asyncio.run(scenario())


def test_a_stop_reaches_the_program_and_all_that_it_left(
    tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    """GIVEN a program whose child has a session of its own, THEN none of them lives after a stop."""

    async def scenario() -> list[int]:
        async with Bench(
            tmp_path, {"ecs": integration(tmp_path, modules, forks)}, clock=SystemClock()
        ) as bench:
            arn = bench.start({"T": job(HANG="1")})
            log = await _until(lambda: next(tmp_path.glob("tasks/*/main/log"), None))
            await _until(lambda: "to stderr" in log.read_text())
            members = await _until(lambda: len(left_over(tmp_path)) == 3 and left_over(tmp_path))
            bench.call("StopExecution", executionArn=arn)
            await bench.engine.quiet()
            return list(members)

    members = asyncio.run(scenario())
    assert left_over(tmp_path) == []
    assert all(gone_soon(pid) for pid in members)
    assert lives(pid_of(forks))


@pytest.mark.parametrize("written", [b"", b'{"arguments": [], "environment": {}}'])
def test_a_program_whose_engine_died_before_it_had_its_order_runs_nothing(
    written: bytes, tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    process = LocalProcess(tmp_path / "t" / "main", "t.main")
    with process._prepared() as (lock, log):
        forked = forks.fork(Start("program", process.folder / "work", "t.main", process.folder), log, lock)
    assert forked
    assert forked.pid() == process.leader()
    os.write(forked._order, written)
    os.close(forked._order)
    forked.leave()

    assert asyncio.run(process.ended()) == 137
    assert process.exit_code() is None, "so that the next engine starts it again"
    assert process.log.read_text() == ""


def test_an_engine_that_is_killed_takes_its_server_along(tmp_path: Path, modules: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from tests.integration.engine.runners.test_forking import new_server, pid_of\n"
        "server = new_server(Path(sys.argv[2]))\nserver.start()\n"
        "print(pid_of(server), flush=True)\ntime.sleep(60)\n"
    )
    root = Path(__file__).parents[4]
    argv = [sys.executable, "-c", script, str(root), str(modules)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as engine:
        assert engine.stdout
        server = int(engine.stdout.readline())
        assert lives(server)
        engine.kill()
    assert gone_soon(server)


# -- functions -----------------------------------------------------------------------------------------


def invoked(modules: Path, logs: Path, forks: ForkServer | None, *events: str) -> list[Any]:
    """The function's answers, one event after the other."""
    function = Function("f", modules, "app.handle", {"SECRET": "its own"}, timeout=20)

    async def scenario() -> list[Any]:
        pool = FunctionPool([function], {}, logs, forks)
        pool.warm_first()
        try:
            return [json.loads(await pool.invoke(function, json.dumps(event))) for event in events]
        finally:
            await pool.close()

    return asyncio.run(scenario())


def test_a_function_that_is_forked_answers_as_one_that_is_started(
    tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    """It is hidden, too, from its first moment on, as the server is that it comes from."""
    seen = [invoked(modules, tmp_path / "logs", server, "a", "b") for server in (forks, None)]
    for (first, second), loaded in zip(seen, (True, False), strict=True):
        assert first["pid"] == second["pid"], "a worker stays warm"
        assert gone_soon(first["pid"])
        assert first == {"loaded": loaded, "secret": "its own", "pid": first["pid"], "hidden": True,
                         "root": str(modules), "marker": None}  # fmt: skip


@pytest.mark.parametrize("forked", [True, False])
def test_the_end_of_a_functions_process_is_its_error(
    forked: bool, tmp_path: Path, modules: Path, forks: ForkServer
) -> None:
    with pytest.raises(TaskError, match=r"Runtime exited with error: exit status 3"):
        invoked(modules, tmp_path / "logs", forks if forked else None, "exit")


def test_a_function_whose_server_dies_before_it_was_forked_is_started(tmp_path: Path, modules: Path) -> None:
    server = new_server(modules)
    server.start()
    os.kill(pid_of(server), signal.SIGSTOP)
    function = Function("f", modules, "app.handle", timeout=20)

    async def scenario() -> Any:
        pool = FunctionPool([function], {}, tmp_path / "logs", server)
        pool.warm_first()
        os.kill(pid_of(server), signal.SIGKILL)
        try:
            return json.loads(await pool.invoke(function, '"x"'))
        finally:
            await pool.close()

    assert asyncio.run(scenario())["loaded"] is False
    server.close()


def test_a_function_whose_engine_is_killed_sees_that_it_has_another_parent(
    tmp_path: Path, modules: Path
) -> None:
    """That is how one that waits for a person knows that no engine waits for it."""
    (modules / "app.py").write_text(
        "import os, time\nparent = os.getppid()\n"
        "def handle(event, context):\n"
        "    open(event, 'w').write('begun')\n"
        "    while os.getppid() == parent:\n        time.sleep(0.01)\n"
        "    open(event, 'w').write('alone')\n"
    )
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from tests.integration.engine.runners.test_forking import invoked, new_server\n"
        "server = new_server(Path(sys.argv[2]))\nserver.start()\n"
        "invoked(Path(sys.argv[2]), Path(sys.argv[2]), server, sys.argv[3])\n"
    )
    said = tmp_path / "said"
    argv = [sys.executable, "-c", script, str(Path(__file__).parents[4]), str(modules), str(said)]
    with subprocess.Popen(argv) as engine:
        asyncio.run(_until(lambda: said.exists() and said.read_text() == "begun"))
        engine.kill()
    asyncio.run(_until(lambda: said.read_text() == "alone"))


@pytest.mark.parametrize("forked", [True, False])
def test_a_worker_that_is_not_needed_any_more_is_killed_and_not_answered(
    forked: bool, tmp_path: Path, modules: Path, forks: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's client crashes, and may leave a core, when it is answered that there is nothing more to do."""
    kill = FunctionProcess.kill

    def kill_later(process: FunctionProcess) -> None:
        gone_soon(process._begun() or 0, 0.5)
        kill(process)

    monkeypatch.setattr(FunctionProcess, "kill", kill_later)
    function = Function("f", modules, "app.handle", timeout=20)

    async def scenario() -> int:
        pool = FunctionPool([function], {}, tmp_path / "logs", forks if forked else None)
        await pool.invoke(function, '"x"')
        [worker] = pool._all
        await pool.close()
        return worker.serve().result()

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_giving_up_leaves_neither_server_nor_function(tmp_path: Path, modules: Path) -> None:
    """GIVEN a request that is refused while its processes begin, THEN they are gone, whether begun or not."""
    for begun in (True, False):
        server = new_server(modules)
        server.start()
        if not begun:
            os.kill(pid_of(server), signal.SIGSTOP)
        pool = FunctionPool([Function("f", modules, "app.handle")], {}, tmp_path / "logs", server)
        pool.warm_first()
        [worker] = pool._all
        pid = worker._process._begun() if begun else None
        server.close()
        pool.kill()
        assert not lives(pid_of(server))
        assert pid is None or gone_soon(pid)
        assert worker._process._started is None
