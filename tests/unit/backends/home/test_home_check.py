"""Whose a home may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepherd.backends.home.home_check import check_home
from stepherd.errors import ConfigurationError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@as_root
def test_a_home_of_another_user_is_refused_for_root_too(tmp_path: Path) -> None:
    os.chown(tmp_path, 1000, 1000)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        check_home(tmp_path)


@as_root
def test_in_a_container_a_volume_is_whoever_s_mounts_it_but_not_the_agent_s(tmp_path: Path) -> None:
    os.chown(tmp_path, 1000, 1000)
    check_home(tmp_path, not_of=10001)
    os.chown(tmp_path, 10001, 10001)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        check_home(tmp_path, not_of=10001)


@pytest.mark.parametrize("agent", [None, 10001])
def test_a_home_that_others_can_write_to_is_refused_everywhere(tmp_path: Path, agent: int | None) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigurationError, match="can write to the home"):
        check_home(tmp_path, not_of=agent)
