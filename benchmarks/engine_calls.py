"""The engine's API by boto3 and its Lambda tasks, beside moto's server and ministack.

Each server is a process of its own, as users have it: one of two cores is boto3's.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

__all__ = ["call_figures"]

_ROLE = "arn:aws:iam::000000000000:role/R"
_CODE = "def handle(event, context):\n    return event\n"
_CALLS, _STARTS, _TASKS, _ROUNDS = 300, 51, 400, 5
_ENDED_SECONDS = 120


@dataclass(frozen=True, slots=True)
class _Speed:
    """Calls a second, seconds from the start of an execution to its end, Lambda tasks a second."""

    calls: float | None
    ended: float | None
    tasks: float | None


def call_figures() -> Iterator[Figure]:
    """One line for each measure and each of the others."""
    with _engine() as client:
        ours = _measured(client, "JSONata")
    assert ours.calls and ours.ended and ours.tasks
    for name, others in (("moto", _moto()), ("ministack", _ministack())):
        yield Figure.of(
            f"calls of the API by boto3, beside {name}", ours.calls, "calls/s",
            "≥ 500", ours.calls >= 500, others.calls,
        )  # fmt: skip
        yield Figure.of(
            f"start to end by boto3, 3 Pass states, beside {name}", ours.ended * 1e3, "ms",
            "≤ 5 median", ours.ended <= 0.005, others.ended and others.ended * 1e3,
        )  # fmt: skip
        yield Figure.of(
            f"Lambda tasks, {_TASKS} in a Map, beside {name}", ours.tasks, "tasks/s",
            "≥ 500", ours.tasks >= 500, others.tasks,
        )  # fmt: skip


def _client(service: str, address: str, key: str) -> Any:
    import boto3

    return boto3.Session(key, "secret", region_name="us-east-1").client(service, endpoint_url=address)


def _measured(client: Any, language: str, tasks: int = _TASKS, *, calls_lambda: bool = True) -> _Speed:
    three = client.create_state_machine(name="three", roleArn=_ROLE, definition=_three(language))
    machine = three["stateMachineArn"]
    _ended(client, machine)  # It loads what the first one needs.
    ends = [_ended(client, machine) for _ in range(_STARTS)]
    arn = _started(client, machine)
    rounds = [_calls(client, arn) for _ in range(_ROUNDS)]
    speed = 0.0
    if calls_lambda:
        made = client.create_state_machine(name="tasks", roleArn=_ROLE, definition=_map(tasks))
        _ended(client, made["stateMachineArn"], 0.01)
        taken = [_ended(client, made["stateMachineArn"], 0.01) for _ in range(_ROUNDS)]
        speed = tasks / statistics.median(taken)
    return _Speed(_CALLS / statistics.median(rounds), statistics.median(ends), speed or None)


def _calls(client: Any, arn: str) -> float:
    began = time.perf_counter()
    for _ in range(_CALLS):
        client.describe_execution(executionArn=arn)
    return time.perf_counter() - began


def _ended(client: Any, machine: str, pause: float = 0.0) -> float:
    began = time.perf_counter()
    arn = _started(client, machine)
    while (status := client.describe_execution(executionArn=arn)["status"]) == "RUNNING":
        if time.perf_counter() - began > _ENDED_SECONDS:
            raise RuntimeError(f"{machine} has not ended.")
        time.sleep(pause)
    if status != "SUCCEEDED":
        raise RuntimeError(f"{machine} is {status}.")
    return time.perf_counter() - began


def _started(client: Any, machine: str) -> str:
    # moto wants a name.
    answer = client.start_execution(stateMachineArn=machine, name=str(uuid.uuid4()), input="{}")
    return str(answer["executionArn"])


def _three(language: str) -> str:
    states = {"A": {"Next": "B"}, "B": {"Next": "C"}, "C": {"End": True}}
    states = {name: {"Type": "Pass", **rest} for name, rest in states.items()}
    return json.dumps({"QueryLanguage": language, "StartAt": "A", "States": states})


def _map(tasks: int) -> str:
    call = {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True,
        "Arguments": {"FunctionName": "do", "Payload": {"a": 1}},
    }  # fmt: skip
    each = {"StartAt": "Call", "States": {"Call": call}, "ProcessorConfig": {"Mode": "INLINE"}}
    every = {"Type": "Map", "Items": list(range(tasks)), "ItemProcessor": each, "Output": 1, "End": True}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "All", "States": {"All": every}})


# -- servers ---------------------------------------------------------------------------------------


@contextmanager
def _engine() -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "code").mkdir()
        (folder / "code/app.py").write_text(_CODE)
        program = str(Path(__file__).with_name("served_engine.py"))
        with _running([sys.executable, "-P", program, str(folder)], {}, folder) as line:
            address = json.loads(line)
            yield _client("stepfunctions", address["endpoint"], address["key"])


def _moto() -> _Speed:
    """moto runs Lambda functions in docker, or gives back what they got: no figure to be beside."""
    with tempfile.TemporaryDirectory() as name:
        program = str(Path(__file__).with_name("served_moto.py"))
        with _running([sys.executable, "-P", program], {}, Path(name)) as line:
            client = _client("stepfunctions", line.strip(), "x")
            return _measured(client, "JSONPath", calls_lambda=False)


def _ministack() -> _Speed:
    program = shutil.which("ministack")
    if program is None:
        return _Speed(None, None, None)
    with tempfile.TemporaryDirectory() as name:
        port = _free_port()
        own = {"STATE_DIR": name, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "HOME": name}
        with _running([program], own, Path(name), says=False):
            address = f"http://127.0.0.1:{port}"
            _answers(f"{address}/_ministack/health")
            _add_function(_client("lambda", address, "test"))
            return _measured(_client("stepfunctions", address, "test"), "JSONata", 40)


def _add_function(client: Any) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", _CODE)
    client.create_function(
        FunctionName="do", Runtime="python3.12", Handler="app.handle", Role=_ROLE,
        Code={"ZipFile": packed.getvalue()},
    )  # fmt: skip


@contextmanager
def _running(command: list[str], own: dict[str, str], folder: Path, *, says: bool = True) -> Iterator[str]:
    """A server that ends with its standard input, or is killed; the first line that it prints."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**kept, "AWS_EC2_METADATA_DISABLED": "true", **own}, cwd=folder, stderr=log,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE if says else log, start_new_session=True,
        )  # fmt: skip
    assert process.stdin
    try:
        yield process.stdout.readline().decode() if process.stdout else ""
    finally:
        process.stdin.close()
        if not says:
            os.killpg(process.pid, 9)  # It and the workers of its functions.
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer.")
