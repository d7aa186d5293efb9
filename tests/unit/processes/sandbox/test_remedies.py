"""Which bubblewrap is taken, and what is said where none can work."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.processes.sandbox.bubblewrap import find_bubblewrap
from stepherd.processes.sandbox.remedies import refused


def _program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    program = folder / "bwrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_one_below_a_folder_that_an_agent_may_write_is_not_taken(tmp_path: Path) -> None:
    system, planted = _program(tmp_path / "usr/bin"), _program(tmp_path / "workspace/bin")
    path = f"{planted.parent}:{system.parent}"
    assert find_bubblewrap(path, beware=[tmp_path / "workspace"]) == system
    assert find_bubblewrap(path) == planted


def test_one_that_is_reached_by_a_link_from_or_into_such_a_folder_is_not_taken(tmp_path: Path) -> None:
    planted = _program(tmp_path / "home/bin")
    for number, link in enumerate((tmp_path / "usr/bin/bwrap", tmp_path / "bin")):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(planted if number == 0 else planted.parent)
    (tmp_path / "home/sbin").mkdir()
    (tmp_path / "home/sbin/bwrap").symlink_to(_program(tmp_path / "real"))
    path = f"{tmp_path}/usr/bin:{tmp_path}/bin:{tmp_path}/home/sbin"
    assert find_bubblewrap(path, beware=[tmp_path / "home"]) is None


def test_an_entry_of_path_that_depends_on_the_current_folder_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    assert find_bubblewrap("bin:.:") is None


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "bwrap-userns-restrict"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces="),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "0", "docs/how-to-sandbox.md"),
    ],
)
def test_the_remedy_is_told_by_the_settings_of_the_kernel_and_not_by_words_that_change(
    tmp_path: Path, setting: str, value: str, remedy: str
) -> None:
    (tmp_path / setting).parent.mkdir()
    (tmp_path / setting).write_text(f"{value}\n")
    error = refused("bwrap said\nsomething   new", tmp_path)
    assert remedy in error.remedy
    assert "bwrap said something new" in error.message
