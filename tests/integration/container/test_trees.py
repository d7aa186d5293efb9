"""Processes that an agent leaves in its container are gone before anything else; no zombie meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.container.conftest import Site
from tests.integration.processes.test_nothing_outlives_the_agent import ATTACK_PARENT, CLOSED, ORPHANS
from tests.integration.repositories.origin import Origin
from tests.processes import HOPPERS

pytestmark = [pytest.mark.exhaustive, pytest.mark.image, pytest.mark.timeout(1200)]
_SIGNS = (b"$left = 20000", b"/bin/sleep\x0040", b"sleep\x0040\x00")


def _left() -> list[bytes]:
    """Command lines, of all processes of the machine, that only such an agent starts."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        found += [line] if any(sign in line for sign in _SIGNS) else []
    return found


@pytest.mark.parametrize(
    "code", [HOPPERS, CLOSED, ATTACK_PARENT, ORPHANS], ids=["hoppers", "closed streams", "attack", "orphans"]
)
def test_its_tree_is_proven_empty_before_the_push(site: Site, code: str) -> None:
    remote = Origin.create(
        site.place.root / "remote",
        {"agent.py": f"import os, time\nopen('new.txt', 'w').write('done')\n{code}", "README.md": "hello\n"},
    )
    done = site.run("python3 -I -S agent.py").ok().json
    assert done["status"] == "SUCCEEDED"
    assert _left() == []
    assert remote.show("stepherd/run_1", "new.txt") == "done"
    assert "not certain" not in (site.place.home / "store/runs/run_1/report.md").read_text()
