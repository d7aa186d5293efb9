"""The functions' layer: what is said when it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.cloud.layer import build_layer
from stepherd.errors import StorageError, UnavailableError


def _root(folder: Path, said: str) -> Path:
    """An application whose layer cannot be made."""
    (folder / "layer").mkdir()
    (folder / "layer" / "build.py").write_text(f"import sys\nsys.exit({said!r})\n")
    return folder


@pytest.mark.parametrize(
    "said",
    [
        # Of shutil.copytree, which lists every file that it could not copy; of pip.
        "shutil.Error: " + str([("a.py", "b.py", "[Errno 28] No space left on device: 'b.py'")] * 500),
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "OSError: [Errno 122] Disk quota exceeded",
    ],
)
def test_a_full_disk_is_told_as_one_and_in_one_line(tmp_path: Path, said: str) -> None:
    with pytest.raises(StorageError) as caught:
        build_layer(_root(tmp_path, said), tmp_path / "target", "ARM64")
    assert "disk" in caught.value.message
    assert str(tmp_path / "target") in caught.value.message
    assert len(str(caught.value)) < 400


def test_what_pip_says_is_shown_to_its_last_words(tmp_path: Path) -> None:
    said = "x" * 100_000 + " No matching distribution found for boto3"
    with pytest.raises(UnavailableError) as caught:
        build_layer(_root(tmp_path, said), tmp_path / "target", "ARM64")
    assert "No matching distribution found for boto3" in caught.value.message
    assert len(caught.value.message) < 800
