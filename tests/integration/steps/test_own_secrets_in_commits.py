"""The agent's key in what it committed: no pushed history holds it, and whoever takes the rest is told."""

from __future__ import annotations

import pytest
from tests.integration.steps.rig import Rig, git

KEY = "gw/7hQz+Wm2Lp9Xc4Vb8Nt1Rs6Jd3Fk5"
WHO = "git config user.name A; git config user.email a@example.com\n"


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


def everything(rig: Rig) -> str:
    names = git(rig.remote, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    return "".join(git(rig.remote, "cat-file", "-p", name) for name in names)


@pytest.mark.parametrize(
    "leak",
    [
        "echo $TESTER_KEY > a; git add a; git commit -qm one; echo clean > a; git commit -qam two",
        'echo x > a; git add a; git commit -qm "with $TESTER_KEY"; echo y > a; git commit -qam two',
    ],
)
def test_the_agents_own_commits_are_one_where_one_of_them_holds_its_key(rig: Rig, leak: str) -> None:
    rig.tester(WHO + leak, agent_credentials="env:TESTER_KEY", commits="keep")
    assert rig.step("agent", TESTER_KEY=KEY).returncode == 0
    rig.steps("push")
    assert git(rig.remote, "rev-list", "--count", "main..stepherd/run_1") == "1"
    assert "delivered as one" in rig.result("push").facts["note"]
    assert KEY not in everything(rig)


@pytest.mark.parametrize("later", ["", "echo clean > b; git commit -qam later;"])
def test_whoever_takes_kept_work_is_told_of_the_key(rig: Rig, later: str) -> None:
    body = f"git checkout -qb side; echo $TESTER_KEY > b; git add b; git commit -qm side; {later} "
    body += "git checkout -q main; echo x > a"
    rig.tester(WHO + body, agent_credentials="env:TESTER_KEY")
    assert rig.step("agent", TESTER_KEY=KEY).returncode == 0
    rig.steps("push")
    (line,) = rig.result("agent").facts["kept"]
    assert "b:1" in line["warning"]
    assert "secret of this run" in line["warning"]
    assert KEY not in everything(rig)
