"""STEPHERD_AGENT_USER on a laptop: what a person sets counts, and nothing else does."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.place import Place
from tests.users import make_agent_user

from stepherd.backends.home.engines import parameters_of
from stepherd.engine.application import load_application


@pytest.fixture
def open_location() -> Iterator[Place]:
    """A place that another user can reach."""
    root = Path(tempfile.mkdtemp(prefix="stepherd-test-"))
    root.chmod(0o755)
    with Place.at(root / "place") as made:
        yield made
    shutil.rmtree(root)


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder that every user can enter, for what is an agent's."""
    with tempfile.TemporaryDirectory(prefix="stepherd-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_agent_is_the_user_that_a_person_has_set(open_location: Place) -> None:
    user = make_agent_user()
    temporary = open_location.root.parent / "tmp"
    temporary.mkdir()
    open_location.run(
        "sh -c 'id -un >who.txt'", STEPHERD_AGENT_USER=user, STEPHERD_TASK_TMPDIR=str(temporary)
    ).ok()
    assert open_location.origin.show("stepherd/run_1", "who.txt").strip() == user


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_can_open_what_is_its_own_by_the_path_though_the_home_is_root_s(place: Place, work: Path) -> None:
    # GIVEN a home that is closed to it, and a run of the same name, of another home, that is under way
    taken = work / f"stepherd-{os.geteuid()}-run_1"
    taken.mkdir(mode=0o700)
    look = "cat $PWD/README.md $STEPHERD_INSTRUCTIONS/instructions.md >all.txt && touch $HOME/own"
    options = {"STEPHERD_AGENT_USER": make_agent_user(), "STEPHERD_WORK_FOLDER": str(work)}
    with (taken / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.run(f"sh -c '{look}'", **options).ok()
    assert place.origin.show("stepherd/run_1", "all.txt") == "hello\n# Do the work"
    assert list(work.iterdir()) == [taken]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "reached", [False, True], ids=["a closed home", "a folder for tasks that all can enter"]
)
def test_two_runs_at_once_have_the_same_user_and_not_each_other_s_files(
    open_location: Place, work: Path, reached: bool
) -> None:
    """Of the same user nothing but what one cannot name keeps an agent out."""
    place, meeting, tasks = open_location, work / "meeting", work / "tasks"
    meeting.mkdir()
    tasks.mkdir()
    meeting.chmod(0o777)
    tasks.chmod(0o755)
    options = {"STEPHERD_AGENT_USER": make_agent_user(), "STEPHERD_WORK_FOLDER": str(work)}
    if reached:
        options["STEPHERD_TASK_TMPDIR"] = str(tasks)
    pipes = [meeting / name for name in ("begun", "looked")]
    for pipe in pipes:
        os.mkfifo(pipe)
        pipe.chmod(0o666)
    waiting = place.script(
        f"echo mine >mine.txt; echo x >{pipes[0]}; cat {pipes[1]} >/dev/null", "waiting.sh"
    )
    # Every file that can be found from where it is, or from the folders of all runs, by name or by listing.
    named = f"{work}/*/workspace/mine.txt {work}/*/*/workspace/mine.txt"
    found = f"find {work} . ../ ../../ -name mine.txt; ls {named}"
    search = f"(cat {pipes[0]}; {found}; ls {work}/*) >found.txt 2>/dev/null || true; echo x >{pipes[1]}"
    first = place.start(*place.run_words(waiting), **options)
    second = place.start(*place.run_words(place.script(search, "search.sh"), name="run_2"), **options)
    place.end_of(first).ok()
    place.end_of(second).ok()
    text = place.origin.show("stepherd/run_2", "found.txt")
    assert "mine.txt" not in text
    assert place.origin.show("stepherd/run_1", "mine.txt").strip() == "mine"
    assert sorted(path.name for path in work.iterdir()) == ["meeting", "tasks"]
    assert list(tasks.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_where_it_could_enter_no_folder_the_run_says_so(place: Place, work: Path) -> None:
    work.chmod(0o700)
    options = {"STEPHERD_AGENT_USER": make_agent_user(), "STEPHERD_WORK_FOLDER": str(work)}
    done = place.run("true", **options)
    assert done.code == 1
    assert "The agent's user cannot enter" in done.json["error"]["message"]
    assert list(work.iterdir()) == []


def test_the_template_s_own_user_is_not_taken_on_a_laptop(tmp_path: Path) -> None:
    """A machine may happen to have a user of that name."""
    root = Path(__file__).parents[2]
    (agent,) = (
        container
        for task in load_application(root / "template.yaml", parameters_of(tmp_path)).tasks
        for container in task.containers
        if container.name == "agent"
    )
    assert agent.environment["STEPHERD_AGENT_USER"] == ""


def test_a_user_that_is_not_there_is_said_before_anything_starts(place: Place) -> None:
    done = place.run(f"touch {place.root}/ran", STEPHERD_AGENT_USER="no-such-user")
    assert done.code != 0
    assert "STEPHERD_AGENT_USER is 'no-such-user'" in done.err
    assert "Traceback" not in done.err
    assert not (place.root / "ran").exists()
    assert not (place.home / "tasks").exists()
