"""Verify rounds: a failing verify command goes back to the agent, within the limits of the run as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.integration.steps.rig import Rig, git

from stepherd.errors import CredentialsError
from stepherd.runs.attempts import past_attempts
from stepherd.runs.report import build_report, write_report

pytestmark = pytest.mark.exhaustive

KEY = "cAn4ry-key-0123456789"


def _script(rig: Rig, name: str, body: str) -> str:
    path = rig.root / name
    path.write_text(body)
    return f"sh {path}"


def _count(rig: Rig, name: str) -> int:
    path = rig.root / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def _agent(rig: Rig, **environment: str) -> int:
    done = rig.step("agent", STEPHERD_WORK_FOLDER=str(rig.root / "tmp"), **environment)
    return int(done.returncode)


def _verify(rig: Rig) -> dict[str, Any]:
    facts: dict[str, Any] = rig.result("agent").facts["verify"]
    return facts


def _pushed(rig: Rig) -> set[str]:
    return set(git(rig.remote, "ls-tree", "-r", "--name-only", "stepherd/run_1").split())


def _prepare(rig: Rig, agent: str, verify: str, **fields: Any) -> None:
    rig.make_remote()
    rig.prepare(
        "# Write a good file\n",
        command=_script(rig, "agent.sh", f"echo run >> {rig.root}/agents\n{agent}"),
        verify=_script(rig, "verify.sh", f"echo run >> {rig.root}/verifies\n{verify}"),
        **fields,
    )
    rig.steps("clone")


HEEDS = (
    'echo bad > a; if grep -q "it wants good" $STEPHERD_INSTRUCTIONS/instructions.md; then echo good > a; fi'
)
WANTS = "touch litter.txt; mkdir -p more; touch more/litter; grep good a || { echo it wants good; exit 3; }"


@pytest.mark.parametrize("required", [True, False])
def test_an_agent_that_heeds_what_the_command_said_passes_in_the_next_round(rig: Rig, required: bool) -> None:
    _prepare(rig, HEEDS, WANTS, verify_rounds=3, verify_required=required)
    assert _agent(rig) == 0
    assert (_count(rig, "agents"), _count(rig, "verifies")) == (2, 2)
    assert (_verify(rig)["status"], _verify(rig)["rounds"]) == ("passed", 1)
    rig.steps("push")
    # Files that the command left behind between the rounds are not the agent's work.
    assert _pushed(rig) == {"README.md", "a"}
    assert git(rig.remote, "show", "stepherd/run_1:a") == "good"
    tries = [event for event in rig.events() if event["type"] == "retry"]
    assert [(event["source"], event["attempt"], event["most"]) for event in tries] == [("verify", 1, 3)]
    assert "exit code 3" in tries[0]["reason"]
    write_report(rig.folder, rig.run_id)
    assert "after 1 round of the agent" in rig.folder.store.get("report.md").body.decode()


def test_without_rounds_nothing_goes_back(rig: Rig) -> None:
    _prepare(rig, HEEDS, WANTS, verify_required=True)
    assert _agent(rig) == 1
    assert (_count(rig, "agents"), _count(rig, "verifies")) == (1, 1)
    assert "rounds" not in _verify(rig)


def test_after_the_last_round_the_command_has_the_last_word_and_a_redrive_runs_it_alone(rig: Rig) -> None:
    _prepare(
        rig, "echo bad >> a", f"test -e {rig.root}/mended || exit 3", verify_rounds=2, verify_required=True
    )
    assert _agent(rig) == 1
    assert (_count(rig, "agents"), _count(rig, "verifies"), _verify(rig)["rounds"]) == (3, 3, 2)
    error = rig.result("agent").error
    assert error is not None
    assert error.category == "verify"
    # WHEN it is redriven THEN the rounds are those of the run: the command runs again, and not the agent
    assert _agent(rig, STEPHERD_ATTEMPT="1.0") == 1
    assert (_count(rig, "agents"), _count(rig, "verifies")) == (3, 4)
    (rig.root / "mended").touch()
    assert _agent(rig, STEPHERD_ATTEMPT="2.0") == 0
    rig.steps("push", STEPHERD_ATTEMPT="2.0")
    assert git(rig.remote, "show", "stepherd/run_1:a").split() == ["bad"] * 3


def test_what_the_command_made_and_the_agent_then_changed_is_its_work(rig: Rig) -> None:
    agent = "echo x >> a; test -e made.txt && echo mine >> made.txt; true"
    _prepare(rig, agent, "test $(wc -l < a) = 2 || { touch made.txt left.txt; exit 1; }", verify_rounds=1)
    assert _agent(rig) == 0
    rig.steps("push")
    assert _pushed(rig) == {"README.md", "a", "made.txt"}


def test_a_link_that_an_agent_put_into_the_way_loses_nothing_outside(rig: Rig) -> None:
    """GIVEN a command that leaves files behind WHEN the agent puts links to elsewhere in their and its
    instructions' places THEN nothing elsewhere is removed or written."""
    outside = rig.root / "outside"
    outside.mkdir()
    agent = f"""echo x >> a
if test -d out; then mv out/left.txt {outside}/left.txt; rmdir out; ln -s {outside} out; fi
rm -r $STEPHERD_INSTRUCTIONS/*; echo mine >> {outside}/mine
ln -s {outside}/mine $STEPHERD_INSTRUCTIONS/instructions.md
"""
    _prepare(rig, agent, "mkdir -p out; touch out/left.txt; test $(wc -l < a) = 3", verify_rounds=3)
    # Links that lead outside are left out of what is pushed.
    assert _agent(rig) == 65
    assert _count(rig, "agents") == 3
    assert (outside / "left.txt").exists()
    assert (outside / "mine").read_text() == "mine\n" * 3


def test_a_command_that_cannot_be_started_is_no_work_for_an_agent(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(
        command=_script(rig, "agent.sh", f"echo run >> {rig.root}/agents"),
        verify="no-such-check",
        verify_rounds=3,
    )
    rig.steps("clone")
    assert _agent(rig) == 0
    assert _count(rig, "agents") == 1


def test_a_round_that_takes_everything_back_leaves_no_work(rig: Rig) -> None:
    _prepare(rig, "if test -e a; then rm a; else echo x > a; fi", "test ! -e a", verify_rounds=1)
    assert _agent(rig) == 0
    facts = rig.result("agent").facts
    assert (facts["files"], facts.get("bundle")) == ([], None)
    # AND what it had done before is kept, but no attempt continues it
    assert rig.folder.store.exists(f"agent/attempts/{facts['attempt']}/changes.bundle")
    (past,) = past_attempts(rig.folder)
    assert (past.bundle, past.is_recorded) == (None, True)


def test_an_agent_that_fails_in_a_round_ends_them(rig: Rig) -> None:
    agent = f"echo x >> a; test $(wc -l < {rig.root}/agents) = 1"
    _prepare(rig, agent, f"test -e {rig.root}/mended", verify_rounds=5)
    assert _agent(rig) == 1
    assert (_count(rig, "agents"), _count(rig, "verifies")) == (2, 2)
    result = rig.result("agent")
    assert result.error is not None
    assert "exit code 1" in result.error.message
    assert "Round 1:" in result.facts["note"]


# An agent that reports what it uses, and has a session.
REPORTS = """echo "$TESTER_SESSION $TESTER_RESUME" >> {root}/sessions
mkdir -p $HOME/.tester/sessions; echo x >> $HOME/.tester/sessions/s; cp $HOME/.tester/sessions/s {root}/memory
echo '{{"type": "usage", "turns": 3, "cost_usd": 0.5}}'; echo x >> a
cat $STEPHERD_INSTRUCTIONS/instructions.md > {root}/told
"""


def _reporting(rig: Rig, verify: str = "echo no; exit 1", **fields: Any) -> None:
    body = f"echo run >> {rig.root}/agents\n{REPORTS.format(root=rig.root)}"
    rig.tester(body, verify=_script(rig, "verify.sh", f"echo run >> {rig.root}/verifies\n{verify}"), **fields)


@pytest.mark.parametrize(
    ("limit", "starts", "said"),
    [
        ({"max_turns": 6}, 2, "limit of 6 turns"),
        ({"max_turns": 7}, 3, "3 turns"),
        ({"max_cost_usd": 1.0}, 2, "limit of 1 US dollars"),
        ({"max_cost_usd": 1.2}, 3, "of cost"),
        ({}, 5, ""),
    ],
)
def test_limits_count_what_all_rounds_have_used(
    tester_rig: Rig, limit: dict[str, Any], starts: int, said: str
) -> None:
    rig = tester_rig
    _reporting(rig, verify_rounds=4, verify_required=True, **limit)
    assert _agent(rig) == 1
    assert _count(rig, "agents") == starts
    usage = rig.result("agent").facts["agent"]["usage"]
    assert (usage["turns"], usage["cost_usd"]) == (3 * starts, 0.5 * starts)
    report = build_report(rig.folder, rig.run_id)
    assert report.usage == usage
    if said.startswith("limit"):
        assert said in rig.result("agent").facts["note"]


def test_a_session_goes_on_from_round_to_round(tester_rig: Rig) -> None:
    rig = tester_rig
    _reporting(rig, verify_rounds=2)
    assert _agent(rig) == 0
    sessions = [line.split() for line in (rig.root / "sessions").read_text().splitlines()]
    assert [resume for _, resume in sessions] == ["False", "True", "True"]
    assert len({session for session, _ in sessions}) == 1
    assert _count(rig, "memory") == 3


def test_a_redrive_has_the_rounds_that_are_left_and_remembers(tester_rig: Rig) -> None:
    """GIVEN a run whose first attempt used one round of two, because its turns were used up, WHEN it is
    redriven with more of them."""
    rig = tester_rig
    _reporting(rig, verify_rounds=2, verify_required=True, max_turns=6)
    assert _agent(rig) == 1
    assert (_count(rig, "agents"), _verify(rig)["rounds"]) == (2, 1)
    request = rig.folder.read_request()
    rig.folder.write_request(replace(request, max_turns=60))
    assert _agent(rig, STEPHERD_ATTEMPT="1.0") == 1
    assert (_count(rig, "agents"), _verify(rig)["rounds"]) == (3, 2)
    assert _count(rig, "memory") == 3, "the session came along"
    assert rig.result("agent").facts["agent"]["usage"]["turns"] == 3
    report = build_report(rig.folder, rig.run_id)
    assert report.usage is not None
    assert report.usage["turns"] == 9


def test_the_output_that_goes_back_is_bounded_and_holds_no_secret(tester_rig: Rig) -> None:
    rig = tester_rig
    lines = (
        f'i=0; while [ $i -lt 3000 ]; do echo "line $i {KEY} of many"; i=$((i+1)); done; echo the end; exit 1'
    )
    _reporting(rig, lines, verify_rounds=1, agent_credentials="env:MINE")
    assert _agent(rig, MINE=KEY) == 0
    told = (rig.root / "told").read_text()
    assert told.startswith("# Do a thing\n")
    assert "\n    the end\n" in told
    assert "line 2999 *** of many" in told
    assert "line 2000 " not in told
    assert KEY not in told
    assert len(told) < 20_000


def test_what_a_verify_command_plants_before_the_agent_is_started_leads_nowhere(tester_rig: Rig) -> None:
    """GIVEN a redrive that begins with the verify command, WHEN that one puts a link to a person's file where
    the agent's settings are written, THEN the agent is started with its own settings."""
    rig = tester_rig
    own = rig.root / "own.json"
    own.write_text("mine")
    plant = f'test -e {rig.root}/first && ln -sf {own} "$HOME/settings.json"; touch {rig.root}/first; exit 1'
    _reporting(rig, plant, verify_rounds=2, verify_required=True, max_turns=3)
    assert _agent(rig) == 1
    rig.folder.write_request(replace(rig.folder.read_request(), max_turns=60))
    assert _agent(rig, STEPHERD_ATTEMPT="1.0") == 1
    assert (_count(rig, "agents"), _count(rig, "verifies")) == (3, 4)
    assert own.read_text() == "mine"


def test_where_the_command_passes_an_agent_that_cannot_be_prepared_is_no_matter(tester_rig: Rig) -> None:
    rig = tester_rig
    verify = f"test -e {rig.root}/luck"
    _reporting(rig, verify, verify_rounds=2, verify_required=True, max_turns=3)
    assert _agent(rig) == 1
    request = replace(rig.folder.read_request(), max_turns=60, command="refuse", agent_credentials="env:MINE")
    rig.folder.write_request(request)
    # AND where it does not pass, it is the error
    assert _agent(rig, STEPHERD_ATTEMPT="1.0", MINE=KEY) == CredentialsError.exit_code
    assert "There is no login" in str(rig.result("agent").error)
    (rig.root / "luck").touch()
    assert _agent(rig, STEPHERD_ATTEMPT="2.0", MINE=KEY) == 0


def test_what_goes_back_is_text(tester_rig: Rig) -> None:
    rig = tester_rig
    _reporting(rig, r"printf 'a\000b\033[31mred\033[0m\rover\342\200\256\n'; exit 1", verify_rounds=1)
    assert _agent(rig) == 0
    told = (rig.root / "told").read_text()
    assert "    abred\n    over\n" in told
