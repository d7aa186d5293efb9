"""Links of the pages lead somewhere, and the files that they name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / "tests" / folder / "README.md" for folder in ("faults", "second_interpreter")),
]
MAPS = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
"""Pages that lead through the files."""
_CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED = re.compile(r"`([\w./-]+(?:\.(?:py|json|yaml|md|sh)|/))`")
_ROOMS = ("", "src/stepherd", "src", "tests", "docs")


def _text(page: Path) -> str:
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", _text(page))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_text(page)):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(_broken(page)) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text(
        "# One two\n[a](a.md#one-two) [b](#one-two) [c](c.md) [d](a.md#three) [e](https://e.example)\n"
    )
    assert list(_broken(page)) == ["c.md", "a.md#three"]


def _candidates(name: str) -> Iterator[Path]:
    for room in _ROOMS:
        yield ROOT / room / name


def _missing(text: str) -> list[str]:
    """Files that are named with their folder and do not exist. NAME stands for any name."""
    named = (name for name in _NAMED.findall(text) if "/" in name.rstrip("/") or name.endswith("/"))
    return sorted(
        {name for name in named if "NAME" not in name and not any(p.exists() for p in _candidates(name))}
    )


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_every_file_that_a_map_names_exists(page: Path) -> None:
    assert _missing(_text(page)) == []


def test_a_file_that_does_not_exist_is_found() -> None:
    assert _missing("`runs/report.py`, `runs/no_such.py`, `agents/NAME.py` and `no_such/`") == [
        "no_such/",
        "runs/no_such.py",
    ]


_WRITTEN = {"engine.json", "request.json", "result.json", "report.json", "template.yaml"}
"""Files of a run or a home, and one at the top: no names of modules."""


def _lost(text: str) -> list[str]:
    """Bare names of files that are not in the folder of the file that is named before them."""
    folder, lost = ROOT, list[str]()
    for name in re.findall(r"`([\w./-]+\.(?:py|json|yaml|sh))`", text):
        if name in _WRITTEN:
            continue
        found = [path for path in (*_candidates(name), folder / name) if path.is_file()]
        if not found:
            lost.append(name)
        elif "/" in name:
            folder = found[0].parent
    return lost


def test_a_bare_name_is_in_the_folder_that_was_named_before_it() -> None:
    assert _lost(_text(ROOT / "ARCHITECTURE.md")) == []
    assert _lost("`runs/report.py`, `report_page.py`, `push.py`, `steps/push.py`, `clone.py`") == ["push.py"]
