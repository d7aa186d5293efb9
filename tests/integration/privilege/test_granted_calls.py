"""What the code calls against what template.yaml grants, both ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.privilege.journeys import a_login, a_run, an_inbox, failures, left_overs
from tests.integration.privilege.site import PARAMETERS, Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site.open(tmp_path_factory.mktemp("site")) as opened:
        for database in ("", PARAMETERS["LoginDatabaseUri"]):
            a_login(opened, database)
        yield opened

def test_x(site):
    import time
    from tests.aws_calls import needs_of
    for f in (an_inbox, failures, left_overs):
        f(site); print(f, time.perf_counter())
    for n, database in enumerate(("", PARAMETERS["LoginDatabaseUri"])):
        a_run(site, database)
    for role, calls in site.calls.items():
        needs = {n.action+" "+n.resource+str(n.context): n for c in calls for n in needs_of(c, site.stack.account, site.machine("LoginStateMachine"))}
        print("==", role, len(calls))
        for t, n in sorted(needs.items()):
            if not site.stack.allows(role, n): print("  MISSING", t)
        for g in site.stack.grants(role):
            if not any(g.allows(n) for n in needs.values()): print("  UNUSED", g)
    assert 0
