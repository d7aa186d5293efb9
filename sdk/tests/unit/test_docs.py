"""The pages show what is true."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import amazon_q_streaming_client as package
from amazon_q_streaming_client.__main__ import EXIT_CODES

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_built_from_the_docstrings_as_they_are() -> None:
    assert script("build_reference").build() == (ROOT / "docs" / "reference.md").read_text(), "run make docs"


def test_the_reference_has_every_public_name() -> None:
    page = (ROOT / "docs" / "reference.md").read_text()
    for name in (set(package.__all__) | set(package.models.__all__)) - {
        "Blob",
        "Document",
        "Moment",
        "Number",
        "OneOf",
        "Open",
        "Shape",
        "__version__",
        "models",
    }:
        assert re.search(rf"### .*\b{name}\b|\*\*{name}\*\*", page), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_snippet_is_an_example_file(page: Path) -> None:
    text = page.read_text()
    assert script("fill_snippets").filled(text) == text, "run make docs"
    if page.name != "reference.md":
        assert text.count("```python") == len(script("fill_snippets").SNIPPET.findall(text))


def test_every_example_is_shown() -> None:
    examples = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    assert script("fill_snippets").shown() == examples


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_errors_and_exit_codes_of_the_pages_exist() -> None:
    errors = (ROOT / "docs" / "errors.md").read_text()
    for name in re.findall(r"`(\w+Error)`", errors):
        assert name in package.__all__
    quickstart = (ROOT / "docs" / "quickstart.md").read_text()
    for code in set(EXIT_CODES.values()) - {70}:
        assert re.search(rf"\b{code}\b", quickstart), code


def test_the_changelog_names_this_version() -> None:
    assert f"## {package.__version__}" in (ROOT / "CHANGELOG.md").read_text()
