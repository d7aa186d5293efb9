"""Archives are the same wherever they are made."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from stepherd.application import files_below, find_project
from stepherd.cloud.archives import write_archive
from stepherd.errors import StorageError


def _tree(folder: Path, *, reverse: bool) -> Path:
    contents = {"b/run.sh": "#!/bin/sh\n", "a.py": "pass\n", "b/c.txt": "text\n"}
    for name, text in sorted(contents.items(), reverse=reverse):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.cpython-311.pyc").write_bytes(os.urandom(8))
    return folder


def test_neither_time_nor_modes_nor_order_nor_bytecode_change_an_archive(tmp_path: Path) -> None:
    one, two = (_tree(tmp_path / name, reverse=name == "two") for name in ("one", "two"))
    (two / "a.py").chmod(0o600)
    os.utime(two / "b/c.txt", (0, 0))
    digests = {write_archive(files_below(tree), tmp_path / f"{tree.name}.zip") for tree in (one, two)}
    assert len(digests) == 1
    archive = zipfile.ZipFile(tmp_path / "two.zip")
    modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes == {"a.py": 0o644, "b/c.txt": 0o644, "b/run.sh": 0o755}


def test_other_content_is_another_archive(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree", reverse=False)
    first = write_archive(files_below(tree), tmp_path / "first.zip")
    (tree / "a.py").write_text("pass  # changed\n")
    assert write_archive(files_below(tree), tmp_path / "second.zip") != first


def test_a_file_that_went_away_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Packing"):
        write_archive([("a", tmp_path / "absent")], tmp_path / "a.zip")


def test_the_project_names_what_an_image_is_built_from() -> None:
    files = dict(find_project().files())
    assert {
        "container/build.sh",
        "pyproject.toml",
        "layer/build.py",
        "src/stepherd/errors.py",
    } <= files.keys()
    assert [name for name in files if "__pycache__" in name or "sam_application" in name] == []
