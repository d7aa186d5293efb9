"""The table of docs/security.md, for ``--runner podman``."""

from __future__ import annotations

import pytest
from tests.e2e.promises import hunted, promised
from tests.integration.container.conftest import Site

pytestmark = [pytest.mark.exhaustive, pytest.mark.image, pytest.mark.timeout(1200)]


def test_a_container_holds_what_the_table_says(site: Site) -> None:
    found = hunted(site.place, lambda command: site.run(command, "--git-credentials", "env:GIT_TOKEN"))
    assert found == {row: promised()[row]["container"] for row in found}
