"""The secrets that a step holds reach no branch, through the real steps: the agent's key above all."""

from __future__ import annotations

import json
import tarfile

import pytest
import zstandard
from tests.integration.steps.rig import Rig

from stepherd.runs.report import write_report

pytestmark = pytest.mark.exhaustive

KEY = "gw/7hQz+Wm2Lp9Xc4Vb8Nt1Rs6Jd3Fk5"


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


def _shown(rig: Rig) -> str:
    keys = [i.key for i in rig.folder.store.list() if i.key.endswith((".json", ".jsonl", ".md"))]
    return "\n".join(rig.folder.store.get(key).body.decode() for key in keys)


@pytest.mark.parametrize("exit_code", [0, 3])
@pytest.mark.parametrize(
    "leak",
    [
        "env > debug.txt",
        "env | base64 > debug.txt",
        "env | sed 's/gw/&/' | od -An -v -tx1 | tr -d ' ' > debug.txt",
        "mkdir -p over && ln -s over/$TESTER_KEY link",
    ],
)
def test_the_agents_key_is_not_pushed_whether_it_succeeds_or_not(rig: Rig, leak: str, exit_code: int) -> None:
    """The push knows nothing of the key: the verdict of the agent's step holds for partial work, too."""
    rig.tester(f"{leak}; exit {exit_code}", agent_credentials="env:TESTER_KEY")
    done = rig.step("agent", TESTER_KEY=KEY)
    assert done.returncode != 0
    agent = rig.result("agent")
    assert {found["what"] for found in agent.facts["left_out"]} == {"own secret"}
    # WHEN the partial work is pushed, as the pipeline does
    pushed = rig.step("push")
    # THEN nothing arrives, the work is kept, and the report says why
    assert pushed.returncode == 0
    assert rig.branches().keys() == {"main"}
    assert agent.facts["bundle"]
    if exit_code == 0:
        assert "secret of this run" in done.stderr
    write_report(rig.folder, rig.run_id, failure={"state": "CommitAndPush", "error": "States.TaskFailed"})
    assert KEY not in done.stdout + done.stderr + pushed.stdout + pushed.stderr + _shown(rig)


@pytest.mark.parametrize(
    ("variables", "fields"),
    [
        ({"AWS_SESSION_TOKEN": KEY}, {}),
        ({"AWS_SECRET_ACCESS_KEY": KEY}, {}),
        ({"DEPLOY_PASSWORD": KEY}, {}),
        ({"MY_GIT_SECRET": json.dumps({"token": KEY})}, {}),
        ({"GATEWAY": KEY}, {"git_credentials": "env:GATEWAY"}),
    ],
)
def test_what_the_environment_of_the_step_holds_is_not_pushed_either(
    rig: Rig, variables: dict[str, str], fields: dict[str, str]
) -> None:
    """On a laptop an agent can find it where the step got it from."""
    found = rig.root / "found"
    found.write_text(KEY)
    rig.tester(f"cp {found} notes.txt")
    if fields:
        rig.folder.write_request(_with(rig, **fields))
    done = rig.step("agent", **variables)
    assert done.returncode == 65
    assert "notes.txt:1: it holds a secret of this run" in done.stderr


def _with(rig: Rig, **fields: str):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(rig.folder.read_request(), **fields)


def test_the_session_that_is_kept_has_the_key_in_no_text_name_or_link(rig: Rig) -> None:
    name = KEY.replace("/", "_")
    rig.tester(
        'd="$HOME/.tester/sessions/one"; mkdir -p "$d/$TESTER_OTHER"; echo "so $TESTER_KEY" > "$d/log.txt"\n'
        'echo x > "$d/$TESTER_OTHER.txt"; echo y > "$d/$TESTER_OTHER/z"; ln -s "$TESTER_OTHER" "$d/link"\n'
        "exit 3",
        agent_credentials="env:KEYS",
    )
    rig.step("agent", KEYS=json.dumps({"TESTER_KEY": KEY, "TESTER_OTHER": name}))
    archive = rig.root / "session.tar.zst"
    rig.folder.store.download("agent/attempts/1/session.tar.zst", archive)
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        members = {m.name: (m.linkname, f.read() if (f := tar.extractfile(m)) else b"") for m in tar}
    assert ".tester/sessions/one/log.txt" in {key.removeprefix("./") for key in members}
    assert KEY not in repr(members)
    assert name not in repr(members)


def test_an_unexpected_fault_is_told_without_secrets(rig: Rig) -> None:
    """Its trace goes to the log of the step."""
    rig.tester("true")
    rig.folder.store.put("agent/instructions", b"")
    request = json.loads(rig.folder.store.get("request.json").body)
    rig.folder.store.put("request.json", json.dumps({**request, "agent": f"x{KEY}"}).encode())
    done = rig.step("agent", SOME_TOKEN=KEY)
    assert done.returncode != 0
    assert KEY not in done.stdout + done.stderr
    assert "***" in done.stderr


def test_changed_workflows_are_named_in_the_report(rig: Rig) -> None:
    script = "mkdir -p .github/workflows && echo on: push > .github/workflows/ci.yml && echo x > a.txt"
    rig.tester(script)
    rig.steps("agent", "push")
    report = write_report(rig.folder, rig.run_id)
    assert report.automation == [{"path": ".github/workflows/ci.yml", "what": "a workflow of the forge"}]
    assert any(".github/workflows/ci.yml (a workflow of the forge)" in note for note in report.notes)
    assert "stepherd/run_1" in rig.branches()


def test_a_request_can_keep_them_from_the_push(rig: Rig) -> None:
    rig.tester("echo '[submodule \"x\"]' > .gitmodules", automation_changes="refuse")
    done = rig.step("agent")
    assert done.returncode == 65
    assert ".gitmodules: it is the list of submodules" in done.stderr
    assert rig.step("push").returncode == 0
    assert rig.branches().keys() == {"main"}
