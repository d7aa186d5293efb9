"""Fault 10: however attempts end, each byte that one left is on a branch, in a bundle, or in the report."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.e2e.aftermath import delivered_or_kept
from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import Place
from tests.integration.repositories.origin import git

ENDS = ("exit 0", "exit 1", "exit 7", "kill -KILL $$", "time", "stop", "kill the task")
"""How an attempt ends; the last three from outside."""


def _script(place: Place, gate: Gate, ends: list[str], rng: random.Random) -> tuple[str, list[Path]]:
    """An agent whose attempt N leaves files of its own, changes those before it, and ends as ``ends`` has it.
    The files that each attempt leaves are copied to a folder of the test's."""
    here, go = gate.pipes
    lines = [f"echo begun >> {place.root}/count", f"n=$(wc -l < {place.root}/count)", "case $n in"]
    kept = []
    for number, end in enumerate(ends, start=1):
        copy = place.root / f"left.{number}"
        kept.append(copy)
        body = [f"echo {rng.random()} > own{number}.txt", f"echo {number} {rng.random()} >> shared.txt"]
        if rng.random() < 0.3:
            body.append("rm -f own1.txt")
        if rng.random() < 0.3:
            body.append(f"mkdir -p deep/{number} && echo {rng.random()} > deep/{number}/x")
        body.append(f"mkdir {copy} && git ls-files -o -m -z | xargs -0 -r -I_ cp --parents _ {copy} || true")
        if end in ("stop", "kill the task"):
            body.append(f"echo here > {here}; read word < {go}")
        body.append("exec sleep 300" if end == "time" else end if " $$" in end or "exit" in end else "exit 3")
        lines.append(f"{number}) {'; '.join(body)} ;;")
    return place.script("\n".join([*lines, "esac"])), kept


def _end_attempt(inside: Inside, place: Place, gate: Gate, end: str, *, first: bool, redrives: int) -> None:
    if not first:
        inside.redrive("run_1")
    if end in ("stop", "kill the task"):
        inside.meanwhile(gate.await_agent)
    if end == "stop":
        assert inside.stop() == "ABORTED"
        assert inside.kept(redrives=redrives) == "SUCCEEDED"
        return
    if end == "kill the task":
        newest = max(place.home.glob("tasks/*/agent/pid"), key=lambda path: path.stat().st_mtime_ns)
        os.killpg(int(newest.read_text()), signal.SIGTERM)
    assert inside.ended("run_1") == ("SUCCEEDED" if end == "exit 0" else "FAILED")


def _ids(folder: Path) -> Mapping[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {git(folder, "hash-object", "--no-filters", str(path)): path.name for path in files}


def _check(place: Place, seed: int) -> None:
    rng, gate = random.Random(seed), Gate(place)
    ends = [rng.choice(ENDS[1:]) for _ in range(rng.randint(1, 3))] + [rng.choice(("exit 0", "exit 1"))]
    command, kept = _script(place, gate, ends, rng)
    with Inside.at(place) as inside:
        for number, end in enumerate(ends):
            if number == 0:
                inside.start("run_1", command=command, timeout_seconds=2 if "time" in ends else 60)
            _end_attempt(inside, place, gate, end, first=number == 0, redrives=number)
    there = delivered_or_kept(place)
    left = {id_: name for folder in kept for id_, name in _ids(folder).items()}
    assert {name for id_, name in left.items() if id_ not in there} == set(), ends
    # AND what the last attempt left is the tip of the branch, on top of all the others
    tip = git(place.origin.bare, "ls-tree", "-r", "refs/heads/stepherd/run_1")
    last = set(_ids(kept[-1]))
    assert last <= {line.split()[2] for line in tip.splitlines()}, ends
    report = place.folder().read_report()
    assert report is not None
    named = {Path(one["bundle"]).parent.name for one in report["attempts"] if one["bundle"]}
    there_are = {
        path.parent.name for path in place.home.glob("store/runs/run_1/agent/attempts/*/changes.bundle")
    }
    assert named == there_are or len(ends) == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [1, 2])
def test_a_few_orders_of_ends(place: Place, seed: int) -> None:
    _check(place, seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(3, 23))
def test_many_orders_of_ends(place: Place, seed: int) -> None:
    _check(place, seed)
