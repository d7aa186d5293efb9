"""Puts the example files into the pages that show them; with --check it only says whether it would."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SNIPPET = re.compile(r"(<!-- (examples/\w+\.py) -->\n```python\n).*?(```)", re.DOTALL)


def filled(page: str) -> str:
    """Return the page with each example as its file is now."""
    return SNIPPET.sub(lambda found: found[1] + (ROOT / found[2]).read_text() + found[3], page)


def shown() -> set[str]:
    """Return the examples that some page shows."""
    return {found[1] for page in PAGES for found in SNIPPET.findall(page.read_text())}


def main() -> int:
    """Fill all pages, or check them."""
    stale = [page for page in PAGES if filled(page.read_text()) != page.read_text()]
    if "--check" in sys.argv[1:]:
        return 1 if stale else 0
    for page in stale:
        page.write_text(filled(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
