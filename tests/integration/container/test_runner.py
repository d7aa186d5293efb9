"""``stepherd run --runner podman``: the embedded engine's tasks, each in a container of the built image."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.e2e.aftermath import await_end, no_process_left, one_terminal_status, processes_of
from tests.integration.container.conftest import ROOT, Site
from tests.integration.repositories.origin import Origin, git

pytestmark = [pytest.mark.exhaustive, pytest.mark.image, pytest.mark.timeout(1200)]
# The agent says that it began, and continues when a file is there that only podman can make.
GATED = "echo begun; echo half > half.txt; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo whole > whole.txt"


def let_go(site: Site, container: str) -> None:
    site.images.podman("exec", container, "touch", "/tmp/go")


def test_the_example_runs_in_the_image_and_leaves_no_container(site: Site) -> None:
    remote = Origin.create(site.place.root / "remote", _files(ROOT / "examples/hello/repository"))
    words = ["--repo", str(remote.bare), "--instructions", str(ROOT / "examples/hello")]
    done = site.place.cli("run", *words, *site.options, "--json").ok().json
    assert done["status"] == "SUCCEEDED"
    assert done["verify"]["exit_code"] == 0
    assert git(remote.bare, "show", f"{done['branch']}:calendar_of_tides.py")
    assert list(site.place.home.glob("tasks/*/*/tmp")) == []


def _files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_container_has_least_and_its_environment_is_nowhere_to_be_seen(site: Site) -> None:
    # GIVEN a run in the middle of its agent, with a secret for git
    site.place.environment["GIT_TOKEN"] = "canary-token"
    running = site.place.start(
        *site.place.run_words(f"sh -c '{GATED}'", *site.options, "--git-credentials", "env:GIT_TOKEN")
    )
    container = site.container_of("agent")
    site.said("begun")
    # WHEN it is looked at
    seen = site.images.inspect(container)
    # THEN it has the run folder and nothing else, no variables, and the capabilities of its definition
    home = site.place.home
    binds = [(m["Source"], m["RW"]) for m in seen["Mounts"] if m["Type"] == "bind"]
    assert binds == [(str(home / "store/runs/run_1"), True)]
    assert not [text for text in seen["Config"]["Env"] if text.startswith(("STEPHERD_RUN", "AWS_", "GIT_"))]
    assert "canary-token" not in json.dumps(seen)
    assert sorted(seen["EffectiveCaps"]) == ["CAP_CHOWN", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"]
    assert seen["HostConfig"]["ReadonlyRootfs"]
    assert "canary-token" not in _command_lines()
    let_go(site, container)
    assert site.place.end_of(running).ok().json["status"] == "SUCCEEDED"


def _command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)


def test_a_killed_engine_s_container_goes_on_and_the_next_engine_takes_it_up(site: Site) -> None:
    # GIVEN
    site.place.run(f"sh -c '{GATED}'", *site.options, "--detach").ok()
    container = site.container_of("agent")
    site.said("begun")
    identity = site.images.inspect(container)["Id"]
    # WHEN the engine dies
    _kill_engine(site)
    # THEN the same container is there, also for the next one
    resumed = site.place.start("resume", "run_1", "--json")
    let_go(site, container)
    assert site.place.end_of(resumed).ok().json["status"] == "SUCCEEDED"
    assert _lines(site).count("begun") == 1
    assert identity
    one_terminal_status(site.place, "run_1", "SUCCEEDED")


def test_a_container_whose_client_was_killed_too_is_followed_to_its_exit_code(site: Site) -> None:
    # GIVEN an engine, a wrapper and a podman that are all killed
    site.place.run(f"sh -c '{GATED}; exit 3'", *site.options, "--detach").ok()
    container = site.container_of("agent")
    site.said("begun")
    _kill_engine(site)
    folder = next(site.place.home.glob("tasks/*/agent"))
    marker = f"STEPHERD_TASK={folder.parent.name}.agent"
    for pid in processes_of(folder, [marker]):
        if "conmon" not in Path(f"/proc/{pid}/comm").read_text():
            os.kill(pid, signal.SIGKILL)
            assert await_end(pid, 10)
    # WHEN the container ends while no one looks
    let_go(site, container)
    site.images.podman("wait", container)
    # THEN the next engine knows how, and did not run it again
    done = site.place.cli("resume", "run_1", "--json")
    assert done.code == 1
    result = site.place.folder().read_result("agent")
    assert result is not None
    assert (result.runs, result.facts["agent"]["exit_code"]) == (1, 3)
    assert _lines(site).count("begun") == 1


def test_stop_ends_the_container_and_keeps_the_agent_s_work(site: Site) -> None:
    site.place.run(f"sh -c '{GATED}'", *site.options, "--detach").ok()
    site.container_of("agent")
    site.said("begun")
    assert site.place.cli("stop", "run_1", "--json").ok().json["status"] == "ABORTED"
    no_process_left(site.place.root)
    assert site.images.containers("name=^stepherd-") == []
    result = site.place.folder().read_result("agent")
    assert result is not None
    assert (result.status, result.facts["bundle"]) == ("interrupted", "agent/attempts/1/changes.bundle")


def test_an_image_that_is_not_there_fails_in_words(site: Site) -> None:
    options = ("--runner", "podman", "--image", "localhost/no/such:image")
    done = site.place.run("true", *options, name="run_2")
    assert done.code == 1
    assert "CannotPullContainerError: localhost/no/such:image" in done.json["error"]["message"]


def _kill_engine(site: Site) -> None:
    pid = int(json.loads((site.place.home / "engine.json").read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    assert await_end(pid, 10)


def _lines(site: Site) -> list[str]:
    return [line for log in site.place.home.glob("tasks/*/*/log") for line in log.read_text().splitlines()]
