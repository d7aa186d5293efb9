"""A tiny package whose figures can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tools.shape.sources import Source, read_sources

Write = Callable[[Mapping[str, str]], list[Source]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the modules of a package ``tiny`` below ``src``, and reads them."""

    def written(files: Mapping[str, str]) -> list[Source]:
        for name, text in files.items():
            path = tmp_path / "src" / "tiny" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return read_sources(tmp_path / "src" / "tiny", tmp_path)

    return written
