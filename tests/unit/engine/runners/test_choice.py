"""Which runner an execution's tasks get, and that every later engine knows."""

from __future__ import annotations

from pathlib import Path

from stepherd.engine.runners.choice import AS_PROCESSES, RunnerChoice, Runners, read_choice, write_choice
from stepherd.engine.runners.container_runner import ContainerRunner
from stepherd.engine.runners.contract import ProcessRunner

ARN = "arn:aws:states:us-east-1:000000000000:execution:m:run_1"
PODMAN = RunnerChoice("podman", "image:1")


def test_an_execution_that_nobody_chose_for_runs_as_processes(tmp_path: Path) -> None:
    runners = Runners(tmp_path)
    assert runners.choose(ARN) == AS_PROCESSES
    assert read_choice(tmp_path, "run_1") is None
    assert isinstance(runners.of({}), ProcessRunner)


def test_what_was_chosen_before_the_start_wins_over_the_engine_s_own(tmp_path: Path) -> None:
    write_choice(tmp_path, "run_1", PODMAN)
    assert Runners(tmp_path, RunnerChoice("docker")).choose(ARN) == PODMAN


def test_the_engine_s_own_choice_is_known_to_the_next_engine(tmp_path: Path) -> None:
    assert Runners(tmp_path, PODMAN).choose(ARN) == PODMAN
    assert Runners(tmp_path).choose(ARN) == PODMAN


def test_a_task_under_way_keeps_its_runner_whatever_is_chosen_now(tmp_path: Path) -> None:
    runners = Runners(tmp_path, PODMAN)
    runner = runners.of({"runner": runners.noted(PODMAN)})
    assert isinstance(runner, ContainerRunner)
    assert runners.of({"runner": runners.noted(PODMAN)}) is runner
    assert isinstance(runners.of({"runner": runners.noted(AS_PROCESSES)}), ProcessRunner)


def test_the_first_task_settles_the_runner_whatever_is_noted_later(tmp_path: Path) -> None:
    runners = Runners(tmp_path)
    assert runners.choose(ARN) == AS_PROCESSES
    write_choice(tmp_path, "run_1", RunnerChoice("docker", "evil"))
    assert runners.choose(ARN) == AS_PROCESSES
    # AND the next engine knows it from the tasks that the execution has had
    earlier = [{}, {"runner": runners.noted(AS_PROCESSES)}, {"runner": runners.noted(PODMAN)}]
    assert Runners(tmp_path, handles=lambda arn: earlier if arn == ARN else []).choose(ARN) == AS_PROCESSES


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    write_choice(tmp_path, "run_1", PODMAN)
    (tmp_path / "runners/run_1.json").write_text("{")
    assert read_choice(tmp_path, "run_1") is None


def test_a_name_that_was_removed_settles_nothing_for_the_next_of_that_name(tmp_path: Path) -> None:
    runners = Runners(tmp_path)
    assert runners.choose(ARN) == AS_PROCESSES
    runners.forget(ARN)
    write_choice(tmp_path, "run_1", PODMAN)
    assert runners.choose(ARN) == PODMAN
