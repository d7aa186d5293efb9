"""``pull`` of a run that has no work yet; and a work tree whose changes no clone has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.place import Place
from tests.integration.repositories.origin import git


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place.at(tmp_path / "place") as made:
        yield made


def test_a_run_that_has_no_work_yet_is_told_from_one_that_is_not_there(place: Place) -> None:
    # GIVEN a work tree with a new file, and a run of it whose agent waits
    work = place.root / "work"
    git(place.root, "clone", "--quiet", str(place.origin.bare), str(work))
    (work / "notes.txt").write_text("not committed\n")
    begun, go = place.root / "begun", place.root / "go"
    os.mkfifo(begun)
    os.mkfifo(go)
    agent = place.script(f"echo > {begun}; read line < {go}; echo new > new.txt")
    place.run(agent, "--repo", str(work), "--detach").ok()
    begun.read_text()
    # WHEN it is pulled now
    early = place.cli("pull", "run_1", "--into", str(work))
    # THEN that is said, and what to do
    assert early.code == 75
    assert "Run run_1 is still running, and its agent's work is not there yet." in early.err
    assert "stepherd watch run_1" in early.err
    assert "stepherd stop run_1" in early.err
    # WHEN it has ended
    go.write_text("\n")
    place.cli("watch", "run_1").ok()
    # THEN its report names what the clone did not have, and its work can be pulled
    notes = json.loads(Path(place.status()["report"]).read_text())["notes"]
    assert notes
    assert [note for note in notes if note.startswith(f"notes.txt in {work} is not committed")] == notes
    assert "new.txt" in git(work, "show", "--stat", place.cli("pull", "run_1", cwd=work).ok().out.strip())
    # AND of a run that ended before its agent began there is nothing
    place.run(place.script("touch x"), "--repo", str(work), name="run_2").ok()
    folder = place.home / "store" / "runs" / "run_2" / "agent"
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    late = place.cli("pull", "run_2", cwd=work)
    assert (late.code, "has no work to pull" in late.err, "stepherd status run_2" in late.err) == (
        66,
        True,
        True,
    )
    assert "There is no run 'run_3'" in place.cli("pull", "run_3", cwd=work).err
