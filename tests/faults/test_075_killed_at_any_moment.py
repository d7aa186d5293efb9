"""Fault 75: whatever is killed and when, what agents made is pushed, kept, or said to be lost."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.aftermath import delivered_or_kept, no_process_left, run_exists
from tests.e2e.blows import AGENT, OF_GIT, VICTIMS, Blow, Blows
from tests.e2e.place import Place
from tests.e2e.roaming_agent import DEEDS
from tests.integration.repositories.origin import Origin, git

_MOST_COMMANDS = 12


def _random_blow(rng: random.Random) -> Blow:
    if rng.random() < 0.6:
        moment = f"agent:{rng.randrange(DEEDS)}"
        return Blow(rng.choice(VICTIMS), moment, rests=rng.random() < 0.6)
    return Blow(rng.choice([victim for victim in VICTIMS if victim != "agent"]), f"git:{rng.choice(OF_GIT)}")


def _live(place: Place, blows: Blows, seed: int, plan: list[Blow]) -> tuple[int, list[str]]:
    """Run, resume and redrive, with the blows on the way, to the end; its exit code and all that was done."""
    root, path = blows.folder, place.environment["PYTHONPATH"]
    program = f"PYTHONPATH={path} python -m {AGENT} {root} {place.home} {seed}"
    words, story = place.run_words(place.script(program)), []
    for _ in range(_MOST_COMMANDS):
        blow = plan.pop(0) if plan else None
        if blow is not None:
            blows.arm(blow)
        child = place.start(*words, **blows.environment)
        story.append(f"{words[0]} {blow}")
        struck = blow is not None and blows.strike(blow, child)
        done = place.end_of(child)
        story.append(f"{'struck' if struck else 'not reached'}: {done.code} {done.err.strip()[-300:]}")
        if done.code == 0:
            return done.code, story
        words = _next_words(place, words)
    raise AssertionError(story)


def _next_words(place: Place, words: list[str]) -> list[str]:
    if not run_exists(place, "run_1"):
        return words  # Killed before the run was accepted.
    status = place.status()["status"]
    return ["resume" if status == "RUNNING" else "redrive", "run_1", "--json"]


def _lost_by(report: dict[str, Any]) -> set[int]:
    """The numbers of the attempts whose work is lost by the report's own words."""
    said = " ".join(report["notes"])
    return {int(number) for number in re.findall(r"attempt (\d+)[^.]*is lost", said)}


def _check(place: Place, seed: int, plan: list[Blow]) -> None:
    blows = Blows(place)
    try:
        struck = list(plan)
        code, story = _live(place, blows, seed, plan)
        assert code == 0, story
        no_process_left(place.root)
    finally:
        blows.close()
    there, report = delivered_or_kept(place), place.folder().read_report()
    assert report is not None, story
    deadly = any(blow.victim in ("step", "machine") for blow in struck)
    for made in sorted([*blows.folder.glob("*.made"), *blows.folder.glob("*.left")]):
        number, wanted = int(made.name.partition(".")[0]), set(made.read_text().split())
        if not wanted <= there:
            # THEN only a step that was killed itself may have lost anything, and it is said which
            assert deadly, (made.name, wanted - there, story)
            assert number in _lost_by(report), (made.name, report["notes"], report["attempts"], story)
    for number in _lost_by(report):
        assert not (place.home / f"store/runs/run_1/agent/attempts/{number}/changes.bundle").exists(), story


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    files = {".gitignore": "*.log\nignored/\n", "a.txt": "a\n", "b.txt": "b\n", "src/c.txt": "c\n"}
    return Origin.create(tmp_path_factory.mktemp("origin") / "remote", files)


def _killed(origin: Origin, root: Path, seed: int, plan: list[Blow]) -> None:
    root.mkdir()
    git(root, "clone", "-q", "--bare", str(origin.bare), str(root / "team.git"))
    (root / "remote").mkdir()
    (root / "team.git").rename(root / "remote/team.git")
    with Place.at(root) as place:
        _check(place, seed, plan)


@pytest.mark.exhaustive
def test_the_work_of_a_killed_step_is_said_to_be_lost(origin: Origin, tmp_path: Path) -> None:
    _killed(origin, tmp_path / "place", 1, [Blow("step", "agent:5")])


def test_an_agent_that_is_killed_leaves_all_of_its_work(origin: Origin, tmp_path: Path) -> None:
    _killed(origin, tmp_path / "place", 2, [Blow("agent", "agent:9")])


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 108))
def test_whatever_is_killed_and_when(origin: Origin, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    _killed(origin, tmp_path / "place", seed, [_random_blow(rng) for _ in range(rng.randint(1, 3))])
