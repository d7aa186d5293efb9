"""Every citation of a fact or a fault leads to a section or an entry that exists (docs/facts/README.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FACTS = ROOT / "docs" / "facts"
FAULTS = ROOT / "tests" / "faults"
_FOLDERS = ("src", "functions", "tests", "docs", "tools", "container", "layer", "statemachines", "benchmarks")
_FILES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "template.yaml", "Makefile")
_LEFT_OUT = (FAULTS / "histories", ROOT / "tests" / "previous")
_LIST = r"\d+(?:\.\d+)?(?:\s*(?:,\s*and|,|and|to)\s+\d+(?:\.\d+)?)*"
_FACT = re.compile(rf"\bfacts/([a-z-]+)\.md(?:\s+({_LIST}))?")
_FAULT = re.compile(rf"\b[Ff]aults?\s+(?:\([a-z]+\)\s+)?({_LIST})")
_OTHER_FORMS = re.compile(r"faults\.md|[(\s][Ff]acts(?::|,)\s+[\w-]+\.md|\bhistories \d|\bX(?:[1-9]|10)\b")
_HEADING = re.compile(r"(?m)^#{2,3} (\d+(?:\.\d+)?)\.? ")
_ENTRY = re.compile(r"(?m)^\| (\d+) \| .+ \| (.+) \|$")


def _texts() -> Iterator[tuple[str, str]]:
    found = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted([*found, *(ROOT / name for name in _FILES)]):
        left_out = "__pycache__" in path.parts or any(path.is_relative_to(folder) for folder in _LEFT_OUT)
        if not left_out and path != Path(__file__) and path.exists():
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="ignore")


def _numbers(words: str) -> list[str]:
    """The numbers of ``2, 4.1 and 6 to 8``."""
    numbers: list[str] = []
    for word in re.findall(r"\d+(?:\.\d+)?|to", words):
        if numbers and numbers[-1] == "to":
            numbers.pop()
            numbers += [str(number) for number in range(int(numbers[-1]) + 1, int(word))]
        numbers.append(word)
    return numbers


def _sections(page: str) -> set[str]:
    path = FACTS / f"{page}.md"
    return set(_HEADING.findall(path.read_text(encoding="utf-8"))) if path.exists() else set()


def _entries() -> dict[str, list[str]]:
    """The test files of each number of the catalogue."""
    text = (FAULTS / "README.md").read_text(encoding="utf-8")
    return {number: re.findall(r"`([^`]+)`", files) for number, files in _ENTRY.findall(text)}


def _unresolved(text: str, entries: dict[str, list[str]]) -> list[str]:
    """Citations in a text that lead nowhere, or are written in another form."""
    wrong = [match[0].strip() for match in _OTHER_FORMS.finditer(text)]
    for match in _FACT.finditer(text):
        page, numbers = match[1], _numbers(match[2] or "")
        if not _sections(page) or not set(numbers) <= _sections(page):
            wrong.append(match[0])
    wrong += [match[0] for match in _FAULT.finditer(text) if not set(_numbers(match[1])) <= entries.keys()]
    return wrong


def test_every_citation_leads_somewhere() -> None:
    entries = _entries()
    wrong = {name: found for name, text in _texts() if (found := _unresolved(text, entries))}
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "as facts/histories.md 9 says",
        "(facts/histories.md 1.2 and 1.7)",
        "facts/q-cli.md 1 to 5",
        "facts/kiro.md 1",
        "fault 198",
        "Faults 72 to 99",
        "(faults 9, 10 and 120)",
        "(facts: q-cli.md)",
        "faults.md 45",
        "histories 2.1",
        "(X7)",
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str) -> None:
    assert _unresolved(text, _entries())


@pytest.mark.parametrize(
    "text", ["facts/histories.md 2.1", "faults 37, 38 and 45", "it faults 3.5 times a day?"]
)
def test_a_citation_that_leads_somewhere_is_not(text: str) -> None:
    assert not _unresolved(text.replace("3.5", "3"), _entries())


def test_each_test_of_a_fault_is_in_the_catalogue_under_the_numbers_that_it_names() -> None:
    entries = _entries()
    for path in sorted(FAULTS.glob("test_*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        match = _FAULT.match(text)
        assert match, f"{path.name} does not begin with its number"
        numbers = _numbers(match[1])
        assert str(int(path.name[5:8])) in numbers, path.name
        assert [number for number in numbers if path.stem not in entries[number]] == [], path.name


def test_each_fault_has_a_test_that_exists() -> None:
    entries = _entries()
    assert list(entries) == [str(number) for number in range(1, len(entries) + 1)]
    missing = [
        (number, name)
        for number, names in entries.items()
        for name in names
        if not (ROOT / name if "/" in name else FAULTS / f"{name}.py").is_file()
    ]
    assert missing == []
    assert all(entries.values())


def test_each_page_of_facts_is_in_their_list() -> None:
    pages = {path.name for path in FACTS.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"^\| \[([a-z-]+\.md)\]", (FACTS / "README.md").read_text("utf-8"), re.M)) == pages
