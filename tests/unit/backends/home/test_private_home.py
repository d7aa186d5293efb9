"""A home that cannot be written to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepherd.backends.home.private_home import make_private, scratch_folder
from stepherd.errors import StorageError

NOBODY = 65534


@pytest.fixture
def closed_home() -> Iterator[Path]:
    """A home of this user, who may not write to it; root becomes another user meanwhile."""
    with tempfile.TemporaryDirectory() as above:
        home = Path(above) / "home"
        home.mkdir()
        Path(above).chmod(0o755)
        home.chmod(0o500)
        root = os.geteuid() == 0
        if root:
            os.chown(home, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield home
        finally:
            if root:
                os.seteuid(0)
            home.chmod(0o700)


def test_a_home_that_cannot_be_written_to_is_named_itself(closed_home: Path) -> None:
    make_private(closed_home)
    with pytest.raises(StorageError) as refused:
        scratch_folder(closed_home, "probe-")
    assert refused.value.message == f"The home {closed_home} cannot be used: Permission denied."
    assert "--home" in refused.value.remedy


def test_a_folder_in_a_home_is_gone_after_its_use(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, "probe-") as folder:
        assert Path(folder).parent == tmp_path
    assert not [*tmp_path.iterdir()]
