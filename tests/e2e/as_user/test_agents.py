"""The real agents in a sandbox, on a model of this machine: installed for all, or by nvm below the home."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.place import Place, new_commits
from tests.scripted_model import Reply, ScriptedModel, say, use

WRITES: dict[str, Reply] = {
    "claude": use("Write", text="I write it.", file_path="{cwd}/hello.txt", content="hello\n"),
    "codex": use("exec_command", text="I write it.", cmd="echo hello > hello.txt"),
    "opencode": use("bash", command="echo hello > hello.txt", description="write"),
}
PACKAGES = {"claude": "@anthropic-ai", "codex": "@openai", "opencode": "opencode-ai"}
LONG = pytest.mark.exhaustive
CASES = [
    ("claude", "system"),
    ("claude", "nvm"),
    ("codex", "system"),
    pytest.param("codex", "nvm", marks=LONG),
    pytest.param("opencode", "system", marks=LONG),
    pytest.param("opencode", "nvm", marks=LONG),
]
"""Copies of hundreds of megabytes, and a start of opencode, take their time."""


def _like_nvm(place: Place, agent: str, program: Path) -> str:
    """Node and the agent below the home, as nvm and npm put them there; the folder of their programs."""
    version = place.root / "user/.nvm/versions/node/v22.0.0"
    modules = version / "lib/node_modules"
    source = next(folder for folder in program.resolve().parents if folder.name == "node_modules")
    shutil.copytree(source / PACKAGES[agent], modules / PACKAGES[agent], copy_function=_link_or_copy)
    (version / "bin").mkdir()
    node = shutil.which("node")
    assert node is not None
    _link_or_copy(os.path.realpath(node), str(version / "bin/node"))
    inside = program.resolve().relative_to(source)
    (version / "bin" / agent).symlink_to(Path("../lib/node_modules") / inside)
    return str(version / "bin")


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _run(place: Place, agent: str, path: str, model: ScriptedModel, *more: str) -> None:
    secret = place.root / "secret.json"
    secret.write_text(json.dumps(model.credentials(agent=agent)))
    words = ["--model", "scripted"] if agent == "codex" else []
    place.run(None, "--agent", agent, "--agent-credentials", f"file:{secret}", *words, *more, PATH=path).ok()


def _path(place: Place, agent: str, install: str, require: Callable[[str], str]) -> str:
    program = Path(require(agent))
    first = _like_nvm(place, agent, program) if install == "nvm" else str(program.parent)
    others = [e for e in place.environment["PATH"].split(":") if shutil.which(agent, path=e) is None]
    if agent != "opencode":
        return ":".join([first, *others])
    wrapper = place.root / "bin" / agent
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nOPENCODE_DISABLE_MODELS_FETCH=1 exec {first}/{agent} "$@"\n')
    wrapper.chmod(0o755)
    return ":".join([str(wrapper.parent), first, *others])


@pytest.mark.parametrize(("agent", "install"), CASES)
@pytest.mark.timeout(300)
def test_it_works_in_a_sandbox(place: Place, require: Callable[[str], str], agent: str, install: str) -> None:
    before = place.origin.refs()
    with ScriptedModel.serve(WRITES[agent], say("Done.")) as model:
        _run(place, agent, _path(place, agent, install, require), model)
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    assert json.loads((place.home / "runners/run_1.json").read_text())["runner"] == "sandbox"


@pytest.mark.parametrize("agent", ["claude", "codex", pytest.param("opencode", marks=LONG)])
@pytest.mark.timeout(300)
def test_its_model_is_always_within_reach(place: Place, require: Callable[[str], str], agent: str) -> None:
    """With a list that names something else, and a model that listens on this machine's loopback."""
    with ScriptedModel.serve(WRITES[agent], say("Done.")) as model:
        _run(place, agent, _path(place, agent, "system", require), model, "--network", "index.example")
        assert len(model.calls) >= 2
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    result = place.folder().read_result("agent")
    assert result is not None
    assert result.facts["network"]["kind"] == "proxy"


@pytest.mark.parametrize("agent", ["claude", "codex", pytest.param("opencode", marks=LONG)])
@pytest.mark.timeout(300)
def test_it_takes_the_proxy_to_a_model_elsewhere(
    place: Place, require: Callable[[str], str], agent: str
) -> None:
    """At an address of this machine that is not in the sandbox: there is no other way to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback's")
        address = probe.getsockname()[0]
    with ScriptedModel.serve(WRITES[agent], say("Done."), host=address) as model:
        _run(place, agent, _path(place, agent, "system", require), model, "--network", "index.example")
        assert len(model.calls) >= 2
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
