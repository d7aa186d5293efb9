"""An OpenSSH server on loopback for one key."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel ERROR
"""


@dataclass(frozen=True)
class SshServer:
    port: int
    key: str
    host_key: str

    @property
    def url(self) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}"

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"


def find_sshd() -> str:
    """The path of sshd; the test is skipped without it, unless everything is required."""
    for folder in (*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin", "/usr/local/sbin"):
        if found := shutil.which("sshd", path=folder):
            return found
    if os.environ.get("STEPHERD_REQUIRE_ALL") == "1":
        pytest.fail("sshd is missing, and STEPHERD_REQUIRE_ALL=1 is set")
    pytest.skip("sshd is not installed")


@contextmanager
def serve_ssh(folder: Path, command: str = "") -> Iterator[SshServer]:
    """``command`` is run instead of what a client asks for, as a forge has it; with ``\\"`` for quotes."""
    sshd = find_sshd()
    if pwd.getpwuid(os.geteuid()).pw_shell.endswith(("/nologin", "/false")):
        pytest.skip("sshd lets nobody in who has no login shell")
    folder.mkdir()
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    forced = f'command="{command}" ' if command else ""
    (folder / "authorized").write_text(forced + (folder / "client.pub").read_text())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation needs it
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    config = folder / "config"
    config.write_text(_CONFIG.format(port=port, folder=folder), encoding="utf-8")
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE)
    try:
        _wait_until_listening(port, server)
        host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        yield SshServer(port, (folder / "client").read_text(), host_key)
    finally:
        server.terminate()
        server.communicate(timeout=10)


def _wait_until_listening(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            pytest.fail(f"sshd ended: {server.communicate()[1].decode()}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            try:
                server.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    pytest.fail("sshd does not listen")
