"""The listeners of a run, and the answers that strangers get there (docs/security.md, "Listening
sockets")."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.gate import Gate
from tests.e2e.place import ROOT, Place
from tests.listening import Listener, family_of, listening_sockets, named_pipes

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform != "linux", reason="looked up in /proc"),
]

STRANGER = """
import encodings.idna, http.client, json, os, sys
port, host, user = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if user != os.getuid():
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
answer = json.dumps({"request": {"command": "sh -c 'id >stolen'"}, "database": "", "login": None})
listing = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"}
prefix = "/2018-06-01/runtime"
tried = [
    ("GET", f"{prefix}/invocation/next", None, {}),
    ("POST", f"{prefix}/invocation/x/response", answer, {}),
    ("POST", f"{prefix}/invocation/x/error", answer, {}),
    ("POST", f"{prefix}/init/error", answer, {}),
    ("POST", "/", answer, {"X-Amz-Target": "AWSStepFunctions.StartExecution"}),
    ("POST", "/", "{}", {**listing, "Authorization": "Credential=x/"}),
    ("POST", "/x/", "{}", listing),
    ("POST", "//", "{}", {**listing, "Origin": "http://a.example"}),
    ("OPTIONS", "/", None, {"Origin": "http://a.example", "Access-Control-Request-Method": "POST"}),
    ("PUT", "/../x", "x" * 1000, {"Content-Type": "text/plain"}),
]
said = []
for method, path, body, headers in tried:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {"Host": host, **headers})
    response = connection.getresponse()
    said.append([response.status, response.read().decode(), dict(response.getheaders())])
    connection.close()
print(json.dumps(said))
"""
HOLD = """
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def gate(place: Place) -> Gate:
    return Gate(place)


@pytest.fixture(params=["another user", "the same user"])
def stranger(request: pytest.FixtureRequest) -> int:
    """The user id of a stranger's process."""
    if request.param == "the same user":
        return os.getuid()
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    return 65534


@pytest.fixture
def running(place: Place, gate: Gate) -> Iterator[int]:
    """A run in the middle of its agent, in the background; the port of its engine."""
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    yield int(urlsplit(json.loads((place.home / "engine.json").read_text())["endpoint"]).port or 0)
    gate.open()
    assert place.cli("watch", "run_1", "--json").ok().json["status"] == "SUCCEEDED"
    assert place.origin.show("stepherd/run_1", "whole.txt") == "go"


def _listed() -> list[str]:
    """The first column of the table "Listening sockets" in docs/security.md."""
    page = (ROOT / "docs" / "security.md").read_text()
    section = page.partition("## Listening sockets")[2].partition("\n## ")[0]
    return [row.group(1) for row in re.finditer(r"^\| ([^|]+?) \|", section, re.M)][1:]


def test_only_what_the_table_names_can_be_connected_to(place: Place, running: int) -> None:
    """GIVEN a run with all of its processes, THEN one socket listens, and no pipe has a name."""
    processes = family_of(str(place.root))
    assert len(processes) >= 5, "engine, fork server, workers, a step and its agent"

    found = listening_sockets(processes)

    engine = json.loads((place.home / "engine.json").read_text())["pid"]
    assert found == [Listener(engine, "tcp", f"0100007F:{running:04X}")]
    assert [path for path in named_pipes(processes) if "gate" not in path] == []
    assert any("Step Functions API" in row for row in _listed())


def test_a_stranger_gets_a_refusal_and_changes_nothing(running: int, stranger: int) -> None:
    """GIVEN forged answers of functions and calls without the key, THEN 403 to each, and the run works."""
    answers = []
    for host in ("127.0.0.1", "localhost", "attacker.example"):
        argv = [sys.executable, "-c", STRANGER, str(running), host, str(stranger)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/", env={})
        answers += json.loads(done.stdout)
    assert len(answers) == 30
    for status, body, headers in answers:
        assert status == 403
        assert json.loads(body)["__type"].endswith("AccessDeniedException")
        assert not [name for name in headers if name.lower().startswith("access-control")]


def test_a_stranger_who_holds_connections_keeps_nobody_out(place: Place, running: int) -> None:
    """GIVEN more open connections than the engine takes, THEN its owner is answered, and they are closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(running), "300"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == b"held\n"
        engine = json.loads((place.home / "engine.json").read_text())["pid"]
        assert place.status()["status"] == "RUNNING"
        assert len(list(Path(f"/proc/{engine}/fd").iterdir())) < 150
        holder.stdin.close()
