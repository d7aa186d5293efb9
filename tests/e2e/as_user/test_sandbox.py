"""A run of an ordinary user: its agent is in a sandbox, whatever it tries."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.place import Done, Place, new_commits


def _runner(place: Place, name: str = "run_1") -> str:
    return str(json.loads((place.home / "runners" / f"{name}.json").read_text())["runner"])


def _agent(place: Place) -> Any:
    result = place.folder().read_result("agent")
    assert result is not None
    return result


def _run(place: Place, script: str, *more: str) -> Done:
    return place.run(f"bash -c '{script}'", *more)


def _log(place: Place) -> str:
    return place.cli("logs", "run_1").ok().out


def test_it_is_the_default_and_kept_with_the_run(place: Place) -> None:
    before = place.origin.refs()
    done = _run(place, "echo hello > new.txt", "--verify", "grep hello new.txt", "--verify-required").ok()
    assert _runner(place) == "sandbox"
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert "The agent runs as you" not in done.err


def test_the_agent_sees_neither_the_home_nor_the_store_nor_the_repository(place: Place) -> None:
    user = place.root / "user"
    for name in (".ssh/id", ".aws/credentials"):
        (user / name).parent.mkdir()
        (user / name).write_text("canary")
    places = f"{user} {place.home} {place.origin.bare}"
    look = f'grep -rl ca[n]ary {places} /tmp; ls {places}; cat /proc/*/environ | tr "\\0" "\\n"; id -u; >done'
    place.run(f"bash -c '{look}'", CANARY="canary-of-the-shell").ok()
    log = _log(place)
    assert "canary" not in log
    assert "journal" not in log
    assert "HEAD" not in log
    assert f" {os.getuid()}\n" in log


def test_what_it_left_running_is_gone_before_the_push(place: Place) -> None:
    daemon = 'setsid env -i bash -c "exec 9<&0; while :; do sleep 1; done" & '
    done = _run(place, f"{daemon} kill -9 $PPID; echo x > new.txt; exit 0").ok()
    assert done.json["status"] == "SUCCEEDED"
    assert "not certain" not in (place.home / "store/runs/run_1/report.md").read_text()


def test_the_verify_command_is_in_it_too(place: Place) -> None:
    _run(place, "echo x > new.txt", "--verify", f"ls {place.home}/journal.sqlite3")
    assert _agent(place).facts["verify"]["status"] == "failed"
    assert "No such file" in " ".join(_agent(place).facts["verify"]["last_lines"])


def test_the_agent_apply_needs_nothing_but_what_a_sandbox_shows(place: Place) -> None:
    words = place.instructions("# Do it\n\n```text file=new.txt\nhello\n```\n")
    place.run(None, "--agent", "apply", "--instructions", str(words)).ok()
    assert place.origin.show("stepherd/run_1", "new.txt") == "hello"
    assert _runner(place) == "sandbox"


def test_limits_and_signals_work_as_without_it(place: Place) -> None:
    script = 'trap "echo caught > caught.txt; exit 1" INT; echo begun; while :; do sleep 0.1; done'
    done = _run(place, script, "--timeout", "1")
    assert done.code != 0
    assert _agent(place).facts["agent"]["ending"] == "deadline"
    assert place.origin.show("stepherd/run_1", "caught.txt") == "caught"


def test_a_program_that_it_would_not_find_inside_is_named_before_anything_starts(place: Place) -> None:
    tool = place.root / "user/code/tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    for words in (["--command", str(tool)], ["--command", "true", "--verify", str(tool)]):
        done = place.run(None, *words)
        assert done.code == 78
        assert str(tool) in done.json["error"]["message"]
        assert "--runner process" in done.json["error"]["remedy"]
    assert not (place.home / "store/runs/run_1").exists()
    # AND it is started where there is no sandbox
    place.run(str(tool), "--runner", "process").ok()
    assert _runner(place) == "process"


def _without_bubblewrap(place: Place) -> str:
    """A PATH on which everything is but bwrap."""
    folder = place.root / "programs"
    folder.mkdir()
    for program in ("bash", "sh", "git", "env", "sleep", "cat", "mkdir", "mv", "tar", "true"):
        (folder / program).symlink_to(str(shutil.which(program)))
    return str(folder)


def test_where_there_is_none_that_is_said_once_with_a_remedy_and_the_run_goes_on(place: Place) -> None:
    path = _without_bubblewrap(place)
    done = place.run("bash -c 'echo x > new.txt'", PATH=path).ok()
    assert done.err.count("The agent runs as you, without a sandbox: bubblewrap is not installed.") == 1
    assert "apt install bubblewrap" in done.err
    assert _runner(place) == "process"
    # AND not when it was asked for
    done = place.run("true", "--runner", "process", name="run_2", PATH=path).ok()
    assert "The agent runs as you" not in done.err
    # AND who wants one, or a network that only it can limit, gets no run without it
    for number, words in enumerate((["--runner", "sandbox"], ["--network", "off"]), start=3):
        done = place.run("true", *words, name=f"run_{number}", PATH=path)
        assert (done.code, done.json["error"]["message"]) == (78, "bubblewrap is not installed.")


def test_a_network_can_be_limited_in_a_sandbox_alone(place: Place) -> None:
    done = place.run("true", "--runner", "process", "--network", "off")
    assert done.code == 64
    assert "--runner sandbox" in done.json["error"]["remedy"]
    words = place.instructions("---\nnetwork: index.example\n---\n# Do it\n")
    done = place.run("true", "--runner", "process", "--instructions", str(words))
    assert done.code == 64


@pytest.mark.parametrize("network", ["off", "example.com"])
def test_services_of_the_machine_are_out_of_reach(place: Place, network: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        heard: list[int] = []
        service.settimeout(0.2)
        port = service.getsockname()[1]
        _run(place, f"exec 3<>/dev/tcp/127.0.0.1/{port} || echo refused > new.txt", "--network", network).ok()
        with pytest.raises(TimeoutError):
            heard.append(service.accept()[1])
    assert place.origin.show("stepherd/run_1", "new.txt") == "refused"


def test_hosts_that_were_blocked_are_named_in_the_report(place: Place) -> None:
    words = place.instructions("---\nnetwork: Index.Example\n---\n# Do it\n")
    ask = (
        'ask() { exec 3<>/dev/tcp/127.0.0.1/3128; printf "CONNECT $1 HTTP/1.1\\r\\n\\r\\n" >&3; cat <&3; }; '
        "ask evil.example:443; ask evil.example:443; ask other.example:22"
    )
    _run(place, ask, "--instructions", str(words)).ok()
    report = json.loads((place.home / "store/runs/run_1/report.json").read_text())
    assert (
        "Blocked by --network, with how often: evil.example:443 (2), other.example:22 (1)." in report["notes"]
    )
    assert _agent(place).facts["network"]["kind"] == "proxy"
    assert place.folder().read_request().network == "index.example"


def test_two_runs_at_once_keep_their_networks_apart(place: Place) -> None:
    """Each has port 3128 of its own."""
    ask = 'exec 3<>/dev/tcp/127.0.0.1/3128; printf "CONNECT $0.example:443 HTTP/1.1\\r\\n\\r\\n" >&3; cat <&3'
    done: list[Done] = []

    def run(name: str) -> None:
        done.append(place.run(f"bash -c '{ask}' {name}", "--network", "index.example", name=name))

    place.origin  # noqa: B018 - made once
    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in done:
        each.ok()
    for name in ("one", "two"):
        report = (place.home / f"store/runs/{name}/report.md").read_text()
        assert f"{name}.example:443 \\(1\\)" in report or f"{name}.example:443 (1)" in report
        assert report.count(".example:443") == 1


def test_doctor_says_which_runner_it_will_be(place: Place) -> None:
    found = _finding(place.cli("doctor", "--json"))
    assert (found["status"], found["text"].partition(":")[0]) == ("ok", "sandbox")
    found = _finding(place.cli("doctor", "--json", PATH=_without_bubblewrap(place)))
    assert (found["status"], found["text"].partition(":")[0]) == ("warning", "process")
    assert "bubblewrap is not installed" in found["text"]
    assert "apt install" in found["remedy"]


def _finding(done: Done) -> Any:
    return next(each for each in done.json["findings"] if each["name"] == "runner")


def test_a_workspace_below_the_home_lies_alone_in_empty_folders(place: Place) -> None:
    Path(place.root / "user/.netrc").write_text("canary")
    _run(place, "cd ..; echo x > beside; ls -A; cd ../..; echo x > beside; ls -A | wc -l; touch $HOME/x").ok()
    assert not list(place.home.glob("tasks/*/agent/tmp/beside"))


HANDS_OVER = r"""
import os, socket, sys
with socket.socket(socket.AF_UNIX) as other:
    other.connect("\0" + sys.argv[1])
    socket.send_fds(other, [b"x"], [os.open(".", os.O_RDONLY)])
    other.recv(1)
sys.exit(os.path.lexists("planted"))
"""


def test_a_folder_that_it_gave_away_is_out_of_reach_once_it_has_ended(place: Place) -> None:
    name = f"stepherd-test-{os.getpid()}"
    hand_over = shlex.join(["python3", "-c", HANDS_OVER, name])
    planted = []

    def take_and_plant() -> None:
        """Of the agent and then of the verify command: as that one is heard, what the agent gave is used."""
        with listening.accept()[0] as agent:
            _, (folder, *_), *_ = socket.recv_fds(agent, 1, 1)
            agent.send(b"!")
        with listening.accept()[0] as verify:
            _, (folder_of_verify, *_), *_ = socket.recv_fds(verify, 1, 1)
            os.close(folder_of_verify)
            with suppress(OSError):
                os.symlink("/etc/passwd", "planted", dir_fd=folder)
            planted.append(True)
            os.close(folder)
            verify.send(b"!")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        thread = threading.Thread(target=take_and_plant, daemon=True)
        thread.start()
        place.run(hand_over, "--verify", hand_over, "--verify-required").ok()
        thread.join(10)
    assert planted


def test_a_folder_that_the_verify_command_gave_away_is_out_of_reach_in_the_next_round(place: Place) -> None:
    name = f"stepherd-test-round-{os.getpid()}"
    hand_over = shlex.join(["python3", "-c", HANDS_OVER, name])
    planted = []

    def take_and_plant() -> None:
        """Of the verify command; as the agent of the next round is heard, what was given is used."""
        kept: list[int] = []
        for who in ("agent", "verify", "agent", "verify"):
            with listening.accept()[0] as one:
                _, (folder, *_), *_ = socket.recv_fds(one, 1, 1)
                if who == "agent" and kept:
                    with suppress(OSError):
                        os.symlink("/etc/passwd", "planted", dir_fd=kept.pop())
                    planted.append(True)
                if who == "verify":
                    kept.append(folder)
                one.send(b"!")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        thread = threading.Thread(target=take_and_plant, daemon=True)
        thread.start()
        words = place.instructions("# Do it\n")
        agent = f"echo run >>runs; {hand_over}"
        check = f"{hand_over}; test $(wc -l <runs) = 2"
        more = ("--verify", shlex.join(["sh", "-c", check]), "--verify-required", "--verify-rounds", "1")
        place.run(shlex.join(["sh", "-c", agent]), "--instructions", str(words), *more).ok()
        thread.join(10)
    assert planted
