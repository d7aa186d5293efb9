"""An agent's memory between the attempts of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import zstandard
from tests.integration.steps.rig import Rig, git

pytestmark = pytest.mark.exhaustive

WORK = """
mkdir -p $HOME/.tester/sessions
echo "$TESTER_RESUME $TESTER_SESSION $PWD" >> $HOME/.tester/sessions/log
cat $HOME/.tester/sessions/log
cat work.txt 2>/dev/null
git status --short
echo more >> work.txt
"""


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


def _environment(rig: Rig, attempt: int) -> dict[str, str]:
    work = rig.root / "work-folder"
    work.mkdir(exist_ok=True)
    return {"STEPHERD_WORK_FOLDER": str(work), "STEPHERD_ATTEMPT": f"{attempt}.0"}


def test_a_redriven_agent_finds_its_session_its_path_and_its_changes(rig: Rig) -> None:
    rig.tester(WORK + f"test -e {rig.root}/luck")
    first = rig.step("agent", **_environment(rig, 0))
    assert first.returncode == 1, first.stderr
    (rig.root / "luck").touch()
    second = rig.step("agent", **_environment(rig, 1))
    assert second.returncode == 0, second.stderr
    lines = second.stdout.splitlines()
    resumed = [line.split(" ", 2) for line in lines[:2]]
    assert [line[0] for line in resumed] == ["False", "True"]
    assert resumed[0][1:] == resumed[1][1:], "the same session, the same path"
    assert lines[2:] == ["more", "?? work.txt"]
    assert list((rig.root / "work-folder").iterdir()) == []
    rig.steps("push")
    assert git(rig.remote, "show", "stepherd/run_1:work.txt") == "more\nmore"


def test_a_success_keeps_no_session(rig: Rig) -> None:
    rig.tester(WORK)
    rig.steps("agent", **_environment(rig, 0))
    assert not rig.folder.store.exists("agent/attempts/1/session.tar.zst")


def test_what_a_killed_attempt_left_behind_is_cleared_away(rig: Rig) -> None:
    rig.tester(WORK + "exit 1")
    root = Path(rig.step("agent", **_environment(rig, 0)).stdout.split()[2]).parent
    (root / "private" / "git").mkdir(parents=True)
    root.chmod(0o700)
    assert rig.step("agent", **_environment(rig, 1)).returncode == 1
    assert not root.exists()


@pytest.mark.parametrize("planted", ["a link", "a folder of others", "a file"])
def test_a_folder_that_another_made_before_is_not_used(rig: Rig, planted: str, tmp_path: Path) -> None:
    rig.tester(WORK + "exit 1")
    root = Path(rig.step("agent", **_environment(rig, 0)).stdout.split()[2]).parent
    trap = tmp_path / "trap"
    trap.mkdir()
    if planted == "a link":
        root.symlink_to(trap)
    elif planted == "a file":
        root.touch()
    else:
        root.mkdir()
        root.chmod(0o777)
    second = rig.step("agent", **_environment(rig, 1))
    last = second.stdout.splitlines()[1]
    assert last.startswith("True"), "the session is resumed, elsewhere"
    assert f"{root}/" not in last
    assert list(trap.iterdir()) == []


def test_a_session_that_was_damaged_begins_anew(rig: Rig) -> None:
    rig.tester(WORK + "exit 1")
    rig.step("agent", **_environment(rig, 0))
    rig.folder.store.put("agent/attempts/1/session.tar.zst", b"nonsense")
    second = rig.step("agent", **_environment(rig, 1))
    assert "cannot be resumed" in second.stderr
    assert second.stdout.startswith("False")


def test_links_out_of_a_session_bring_nothing_in(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    rig.tester(f"mkdir -p $HOME/.tester; ln -s {tmp_path} $HOME/.tester/sessions; exit 1")
    assert rig.step("agent", **_environment(rig, 0)).returncode == 1
    assert not rig.folder.store.exists("agent/attempts/1/session.tar.zst")
    assert (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    "plant",
    [
        "ln -s .tester $HOME/.tester",
        "mkdir $HOME/.tester; ln -s sessions $HOME/.tester/sessions",
        "mkdir -p $HOME/.tester/sessions/a; ln -s b $HOME/.tester/sessions/a/b",
        "mkdir $HOME/.tester; mkfifo $HOME/.tester/sessions",
        "mkdir -p $HOME/.tester/sessions; chmod 0 $HOME/.tester",
    ],
)
def test_whatever_lies_in_its_place_the_agents_own_failure_is_what_is_said(rig: Rig, plant: str) -> None:
    rig.tester(f"echo more > work.txt; {plant}; exit 7")
    done = rig.step("agent", **_environment(rig, 0))
    assert "Traceback" not in done.stderr
    result = rig.folder.read_result("agent")
    assert result is not None
    assert result.error is not None
    assert result.error.category == "agent"
    assert result.facts["agent"]["exit_code"] == 7


def test_a_link_within_it_is_a_link(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    rig.tester(f"mkdir -p $HOME/.tester/sessions; ln -s {tmp_path}/secret $HOME/.tester/sessions/x; exit 1")
    rig.step("agent", **_environment(rig, 0))
    body = rig.folder.store.get("agent/attempts/1/session.tar.zst").body
    assert b"canary" not in zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body)).read()
    assert rig.step("agent", **_environment(rig, 1)).stderr.count("cannot be resumed") == 1


def test_a_session_that_is_too_large_is_not_kept_and_that_is_said(rig: Rig) -> None:
    script = "mkdir -p $HOME/.tester/sessions; head -c 70000000 /dev/zero > $HOME/.tester/sessions/x; exit 1"
    rig.tester(script)
    assert rig.step("agent", **_environment(rig, 0)).returncode == 1
    assert "larger than 64 MiB" in rig.result("agent").facts["note"]
    assert not rig.folder.store.exists("agent/attempts/1/session.tar.zst")
