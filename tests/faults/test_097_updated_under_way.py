"""Fault 97: a stack is updated while runs are under way: old machines go on with new functions and steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.e2e.aftermath import one_terminal_status
from tests.e2e.inside import Inside
from tests.e2e.place import ROOT, Place, new_commits


@pytest.fixture
def updated(place: Place) -> Path:
    """This release's template, functions and steps, with the machines of the release before."""
    root = place.root / "application"
    (root / "statemachines").mkdir(parents=True)
    for name in ("keep", "pipeline", "login"):
        before = ROOT / "tests" / "previous" / f"{name}.asl.json"
        shutil.copy(
            before if before.exists() else ROOT / "statemachines" / before.name, root / "statemachines"
        )
    for folder in ("functions", "layer", "container"):
        (root / folder).symlink_to(ROOT / folder)
    return Path(shutil.copy(ROOT / "template.yaml", root))


@pytest.mark.exhaustive
def test_a_machine_of_the_release_before_runs_fails_and_is_redriven(place: Place, updated: Path) -> None:
    before = place.origin.refs()
    command = place.script(f"echo new > new.txt\ntest -e {place.root}/luck || exit 7")
    with Inside.at(place, template=updated) as inside:
        assert inside.run("run_0", command=place.script("echo other > other.txt", "other.sh")) == "SUCCEEDED"
        assert inside.run(command=command) == "FAILED"
        report = place.folder().read_report()
        assert report is not None
        assert report["error"]["state"] == "RunAgent"
        (place.root / "luck").touch()
        assert inside.rerun() == "SUCCEEDED"
    one_terminal_status(place, "run_1", "SUCCEEDED")
    assert set(new_commits(place.origin, before)) == {
        "refs/heads/stepherd/run_0",
        "refs/heads/stepherd/run_1",
    }


def test_a_run_that_failed_before_the_update_is_redriven_after_it(place: Place, updated: Path) -> None:
    """The definition is the execution's own, in the journal of the engine as in Step Functions."""
    before = place.origin.refs()
    place.origin.hook("pre-receive", "exit 1")
    with Inside.at(place, template=updated) as inside:
        assert inside.run(command=place.script("echo new > new.txt")) == "FAILED"
    (place.origin.bare / "hooks/pre-receive").unlink()
    with Inside.at(place) as inside:
        assert inside.rerun() == "SUCCEEDED"
    assert list(new_commits(place.origin, before)) == ["refs/heads/stepherd/run_1"]
