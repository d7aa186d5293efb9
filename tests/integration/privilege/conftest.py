"""The recorded calls: the stack's functions and tasks gone through once, for all tests of this folder."""

from __future__ import annotations

import pytest
from tests.integration.api.fixtures import executions, machine, on_s3
from tests.integration.privilege.journeys import (
    a_keeping,
    a_login,
    a_login_elsewhere,
    a_queue,
    a_run,
    an_amendment,
    an_inbox,
    failures,
    left_overs,
)
from tests.integration.privilege.site import Site

__all__ = ["executions", "machine", "on_s3", "site"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The stack after every journey but those of the API."""
    with Site.open(tmp_path_factory.mktemp("site")) as opened:
        an_inbox(opened)
        a_queue(opened)
        failures(opened)
        an_amendment(opened)
        left_overs(opened)
        a_keeping(opened)
        a_login(opened)
        a_login_elsewhere(opened)
        a_run(opened)
    # Its settings are gone again: what comes now is only what was recorded.
    return opened
