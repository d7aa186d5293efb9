"""Runs named by a part of their id, or as the latest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.place import Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place.at(Path(tmp_path_factory.mktemp("meant")) / "place") as made:
        for name in ("run_20260101T000000Z_aaaa11", "run_20260101T000000Z_aabb22", "nightly_cccc33"):
            made.run("touch new", name=name).ok()
        yield made


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("latest", "nightly_cccc33"),
        ("nigh", "nightly_cccc33"),
        ("cccc", "nightly_cccc33"),
        ("aabb", "run_20260101T000000Z_aabb22"),
        ("run_20260101T000000Z_aaa", "run_20260101T000000Z_aaaa11"),
    ],
)
def test_a_part_that_one_run_alone_has_is_that_run(place: Place, text: str, meant: str) -> None:
    assert place.cli("status", text, "--json").ok().json["run_id"] == meant


@pytest.mark.parametrize(
    "command", ["status", "logs", "watch", "history", "stop", "redrive", "resume", "pull"]
)
def test_every_command_takes_a_part(place: Place, command: str) -> None:
    done = place.cli(command, "nightly")
    # Once, where a person reads it: what names its run itself is not told twice.
    assert (done.out + done.err).count("Run nightly_cccc33") <= 1
    assert "nightly_cccc33" in done.out + done.err


def test_a_part_that_several_have_is_refused_with_their_ids(place: Place) -> None:
    done = place.cli("stop", "run_2026")
    assert done.code == 64
    assert "may be run_20260101T000000Z_aabb22, run_20260101T000000Z_aaaa11" in done.err


@pytest.mark.parametrize("text", ["nig", "other", "ghtly", "run_20260102"])
def test_a_part_that_none_has_is_no_run(place: Place, text: str) -> None:
    done = place.cli("status", text)
    assert (done.code, f"There is no run '{text}'" in done.err) == (66, True)
