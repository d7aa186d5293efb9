"""Reaching servers from a sandbox whose network is off, or limited to hosts."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.integration.sandbox.rig import SandboxRig, finish

from stepherd.processes.sandbox.layout import sandbox_view
from stepherd.processes.sandbox.network.addresses import Refused, reachable_addresses
from stepherd.processes.sandbox.network.allowlist import Allowlist, Endpoint, parse_hosts
from stepherd.processes.sandbox.network.egress import Blocked, Egress
from stepherd.processes.sandbox.network.namespace import listen_inside
from stepherd.processes.sandbox.network.relay import relay
from stepherd.processes.sandbox.view import Network

PROXY = "/dev/tcp/127.0.0.1/3128"


class Handler(BaseHTTPRequestHandler):
    """Says who it is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.path} for {self.headers['Host']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def service() -> Iterator[int]:
    """A service of this machine on loopback: its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    with service() as found:
        yield found


def ask(request: str, place: str = PROXY) -> str:
    """Bash that speaks to a place, and shows what it answers."""
    return f"exec 3<>{place} && printf '{request}' >&3 && cat <&3; exec 3>&-; "


def stands_for(port: int) -> Egress:
    """A proxy for which example.com is a machine out there: the service on that port."""

    def resolve(host: str, _port: int, *, trusted: bool) -> list[tuple[int, str]]:
        if host != "example.com":
            return reachable_addresses(host, _port, trusted=trusted)
        return [(socket.AF_INET, "127.0.0.1")]

    return Egress(Allowlist(parse_hosts(f"example.com:{port},localtest.example,127.0.0.1")), resolve)


RAW = (
    "exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached loopback",
    "exec 3<>/dev/tcp/localhost/{port} && echo reached localhost",
    "exec 3<>/dev/tcp/192.0.2.1/80 && echo reached an address",
    "exec 3<>/dev/udp/192.0.2.53/53 && echo >&3 && echo reached a resolver",
    "getent hosts example.com && echo reached names",
    "ping -c1 -W1 192.0.2.1 && echo reached by ICMP",
    "grep -q :{hex} /proc/net/tcp && echo sees the machine",
)


@pytest.mark.parametrize("network", ["off", "proxy"])
def test_no_socket_and_no_name_leads_out(sandbox: SandboxRig, port: int, network: str) -> None:
    script = "\n".join(f"({line}) 2>/dev/null" for line in RAW).format(port=port, hex=f"{port:04X}")
    egress = stands_for(port) if network == "proxy" else None
    done = sandbox.run(f"{script}\ncut -d: -f1 /proc/net/dev | tail -n +3", network, egress)  # type: ignore[arg-type]
    assert done.out.split() == ["lo"]
    # AND the machine's own network shows what this would have found
    assert "reached loopback" in sandbox.run(script).out


@pytest.mark.parametrize("beside", ["daemon.pid", "program"])
@pytest.mark.parametrize("network", ["off", "proxy"])
def test_no_daemon_of_the_machine_is_reached_by_a_socket_in_a_folder_that_is_shown(
    sandbox: SandboxRig, port: int, network: Network, beside: str
) -> None:
    folder = sandbox.root / "me/tools/var"
    folder.mkdir(parents=True)
    (folder / beside).write_text("x\n")
    place = folder / "a socket"
    shown = replace(sandbox.person, needed=(folder.parent,))
    ask = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(place)!r}); print('reached')"
    script = f'cat {folder}/{beside}; python3 -c "{ask}"'
    said = {}
    kinds: tuple[Network, ...] = ("on", network)
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(place))
        place.chmod(0o777)
        daemon.listen()
        for kind in kinds:
            view = sandbox_view(sandbox.layout, shown, kind, sandbox.account)
            egress = stands_for(port) if kind == "proxy" else None
            said[kind] = finish(sandbox.start(script, kind, egress, view)).out.split()
    assert "reached" in said["on"]
    assert said[network] == (["x"] if beside == "program" else [])


def test_a_listed_host_is_reached_as_a_tunnel_and_by_its_address(sandbox: SandboxRig, port: int) -> None:
    get = "GET /a HTTP/1.1\\r\\nHost: example.com\\r\\nConnection: close\\r\\n\\r\\n"
    tunnel = ask(f"CONNECT example.com:{port} HTTP/1.1\\r\\n\\r\\n{get}")
    plain = ask(f"GET http://example.com:{port}/b HTTP/1.1\\r\\nHost: other\\r\\n\\r\\n")
    done = sandbox.run(tunnel + plain, "proxy", stands_for(port))
    assert "200 Connection established" in done.out
    assert "/a for example.com\n" in done.out
    assert f"/b for example.com:{port}\n" in done.out


def test_other_hosts_and_other_ports_are_refused_counted_and_named(sandbox: SandboxRig, port: int) -> None:
    egress = stands_for(port)
    asked = [
        "evil.example:443",
        "evil.example:443",
        f"example.com:{port + 1}",
        "example.com.evil.example:443",
    ]
    script = "".join(ask(f"CONNECT {place} HTTP/1.1\\r\\n\\r\\n") for place in asked)
    done = sandbox.run(script, "proxy", egress)
    assert done.out.count("403 Forbidden") == 4
    assert "evil.example:443 is not on the run's list" in done.out
    assert egress.blocked[0] == Blocked("evil.example", 443, 2)
    assert {(each.host, each.port) for each in egress.blocked[1:]} == {
        ("example.com", port + 1),
        ("example.com.evil.example", 443),
    }


def test_a_listed_name_or_address_that_leads_to_this_machine_is_refused(
    sandbox: SandboxRig, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == "localtest.example" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    egress = Egress(Allowlist(parse_hosts(f"localtest.example:{port},127.0.0.1:{port}")))
    script = ask(f"CONNECT localtest.example:{port} HTTP/1.1\\r\\n\\r\\n")
    script += ask(f"GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\n\\r\\n")
    done = sandbox.run(script, "proxy", egress)
    assert done.out.count("403 Forbidden") == 2
    assert done.out.count("which is this machine") == 2


def test_a_model_of_this_machine_is_reached_at_its_port_and_no_other_service_is(
    sandbox: SandboxRig, port: int
) -> None:
    with service() as other:
        egress = Egress(Allowlist((), (Endpoint("127.0.0.1", port), Endpoint("localhost", other))))
        get = "GET /model HTTP/1.0\\r\\nConnection: close\\r\\n\\r\\n"
        script = ask(get, f"/dev/tcp/127.0.0.1/{port}") + ask(get, f"/dev/tcp/::1/{other}")
        with service() as third:
            done = sandbox.run(
                f"{script}(exec 3<>/dev/tcp/127.0.0.1/{third}) && echo reached", "proxy", egress
            )
    assert done.out.count("/model for") == 2
    assert "reached" not in done.out


def test_every_program_is_told_of_the_proxy(sandbox: SandboxRig) -> None:
    done = sandbox.run("env", "proxy", Egress(Allowlist()))
    variables = dict(line.split("=", 1) for line in done.out.splitlines())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        assert variables[name] == "http://127.0.0.1:3128"
    assert variables["NO_PROXY"] == variables["no_proxy"] == "localhost,127.0.0.1,::1"
    assert variables["NODE_USE_ENV_PROXY"] == "1"
    # AND by none where the network is the machine's own
    assert "PROXY" not in sandbox.run("env").out


def test_a_flood_of_connections_is_bounded_and_ends_with_the_sandbox(sandbox: SandboxRig, port: int) -> None:
    egress = stands_for(port)
    script = f"for i in $(seq 300); do (exec 3<>{PROXY}; read <&3) 2>/dev/null & done; echo begun; kill -9 -1"
    done = sandbox.run(script, "proxy", egress)
    assert done.proof.state == "proven"
    for thread in threading.enumerate():
        if thread.name in ("egress", "relay"):
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_the_proxy_answers_bytes_of_any_kind(sandbox: SandboxRig) -> None:
    egress = Egress(Allowlist())
    done = sandbox.run(
        ask("\\x05\\x01\\x00\\r\\n\\r\\n") + ask("GET / HTTP/1.1\\r\\n\\r\\n"), "proxy", egress
    )
    assert done.out.count("400 Bad Request") == 2
    assert egress.blocked == []


def test_no_more_than_a_hundred_blocked_places_are_kept() -> None:
    egress = Egress(Allowlist())
    for number in range(150):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(b"CONNECT host%d.example:443 HTTP/1.1\r\n\r\n" % number)
            egress._obey(ours)
            assert theirs.recv(12) == b"HTTP/1.1 403"
    assert len(egress.blocked) == 100


def test_closing_it_ends_connections_that_go_on(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        egress = Egress(Allowlist())
        place = listening.getsockname()
        egress.serve(listening, silent.getsockname())
        with socket.create_connection(place) as client, silent.accept()[0]:
            egress.close()
            with suppress(ConnectionError):
                assert client.recv(1) == b""
        with pytest.raises(OSError):
            socket.create_connection(place)


def test_a_name_that_cannot_be_judged_is_refused() -> None:
    with pytest.raises(Refused):
        reachable_addresses("127.0.0.1", 80)


def test_the_server_s_side_is_closed_when_the_client_is_gone_before_it_begins() -> None:
    client, server = socket.socketpair()
    client.close()
    with suppress(OSError):
        Egress(Allowlist())._relay(client, server)
    assert server.fileno() == -1


def test_what_is_passed_on_waits_for_no_acknowledgement(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted = listening.accept()[0]
    with accepted, client, socket.create_connection(("127.0.0.1", port)) as server:
        client.shutdown(socket.SHUT_WR)
        relay(accepted, server)
        assert all(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in (accepted, server))


def test_it_listens_where_the_network_has_no_address_yet(require: Callable[[str], str]) -> None:
    """bubblewrap may still be about to bring the loopback interface up."""
    command = [require("unshare"), "--user", "--net", "sh", "-c", "echo begun; read end"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        listening = listen_inside(process.pid, [("127.0.0.1", 3128), ("::1", 3128)])
        assert [each.getsockname()[1] for each in listening] == [3128, 3128]
        for each in listening:
            each.close()


FAMILIES = """
import ctypes, os, socket
def how(family, kind):
    try:
        socket.socket(family, kind).close()
        return 0
    except OSError as error:
        return error.errno
usual = [how(f, k) for f, k in ((1, 1), (2, 1), (2, 2), (10, 1), (16, 3))]
others = {how(family, kind) for family in (40, 38, 31, 9, 4) for kind in (1, 2, 5)}
library = ctypes.CDLL(None, use_errno=True)
library.syscall(425, 1, ctypes.create_string_buffer(256))
socket.socketpair()
print(usual, sorted(others), ctypes.get_errno())
"""


@pytest.mark.parametrize("network", ["off", "proxy", "on"])
def test_no_socket_of_a_family_that_no_network_holds(sandbox: SandboxRig, network: Network) -> None:
    """AF_VSOCK (40) leads from a virtual machine to its host in any network; io_uring makes sockets."""
    egress = Egress(Allowlist()) if network == "proxy" else None
    done = sandbox.run(f"python3 - <<'END'{FAMILIES}END", network, egress)
    held = "" if network == "on" else "[97] 38"
    assert done.out.startswith(f"[0, 0, 0, 0, 0] {held}"), done.err
