"""The command line in processes of its own, against an account on loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.deploying.account import Account, serving
from tests.integration.deploying.stacks import Stack
from tests.moto_server import moto_server

import stepherd
from stepherd.services.template_text import read_template

ROOT = Path(__file__).parents[3]
CANARY = "ghp_cAnArY5f3e8b1d0a9c7e6f4b2d1a3c5e7f9b"
# Makes the layer without an index: what pip would install is no business of these tests.
_PIP = """
import pathlib, sys
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
target.mkdir(parents=True, exist_ok=True)
(target / "installed.py").write_text("# " + " ".join(sys.argv[1:3]) + "\\n")
"""


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    with moto_server() as address:
        yield int(address.rpartition(":")[2])


@pytest.fixture(scope="session")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for translated templates, which are the same for every test."""
    return tmp_path_factory.mktemp("translations")


@pytest.fixture
def account(moto: int, translations: Path, require: Callable[[str], str]) -> Iterator[Account]:
    python = require(str(Path(require("sam")).resolve().with_name("python")))
    connection = http.client.HTTPConnection("127.0.0.1", moto, timeout=30)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()
    with serving(moto, python, translations) as found:
        yield found
        assert found.own_faults == []


class Person:
    """Somebody with a home of their own who runs commands."""

    def __init__(self, account: Account, path: Path) -> None:
        self.account, self.path, self.home = account, path, path / "home"
        pip = path / "stand-ins" / "pip"
        pip.mkdir(parents=True)
        (pip / "__init__.py").touch()
        (pip / "__main__.py").write_text(_PIP)
        self.token_file = path / "token"
        self.token_file.write_text(f"{CANARY}\n")
        source = str(Path(stepherd.__file__).parents[1])
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name in {"PATH", "HOME", "LC_ALL", "TMPDIR"}
            },
            **account.environment,
            "PYTHONPATH": os.pathsep.join([str(pip.parent), source]),
            "STEPHERD_HOME": str(self.home),
        }
        self.seen = ""
        """All that any command has written."""

    def stepherd(self, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command to its end, which must have this exit code."""
        with self.start(*words, **environment) as process:
            self.account.victim = lambda how: self._end(process, how)
            out, err = process.communicate(timeout=90)
        self.seen += out + err
        assert self.account.own_faults == [], self.account.own_faults[0]
        assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def _end(self, process: subprocess.Popen[str], how: signal.Signals) -> int:
        process.send_signal(how)
        return process.pid

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """A command in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "stepherd.cli", *words],
            env={**self.environment, **environment}, cwd=self.path,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def init(self, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """``init`` as scripts run it."""
        return self.stepherd("init", "--yes", *words, code=code, **environment)

    def deployed(self, name: str = "stepherd", **parameters: str) -> Stack:
        """A stack that is there, without images, keys or a context."""
        template = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
        for resource in template["Resources"].values():
            resource.pop("Metadata", None)
            for local in {"CodeUri", "ContentUri", "DefinitionUri"} & resource["Properties"].keys():
                resource["Properties"][local] = "s3://code/of-before"
        return self.account.cloudformation.deployed(name, json.dumps(template).encode(), parameters)


@pytest.fixture
def person(account: Account, tmp_path: Path) -> Person:
    return Person(account, tmp_path)
