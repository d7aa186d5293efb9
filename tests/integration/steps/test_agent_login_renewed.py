"""78, 91 for a login that the agent renews while it runs: the new tokens are masked as the old ones are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.secret_encodings import traces
from tests.integration.steps import tester
from tests.integration.steps.rig import Rig

from stepherd.agents.registry import _AGENTS
from stepherd.logins.database import write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Token

OLD, NEW, NEWER = (f"cAn4ry-{name}-token-0123456789" for name in ("old", "new", "newer"))
SCRIPT = """
import base64, json, os, sqlite3, sys
db = sqlite3.connect(os.path.expanduser("~/.local/share/amazon-q/data.sqlite3"))
db.execute("pragma journal_mode=" + sys.argv[1])
for token in ("cAn4ry-new-token-0123456789", "cAn4ry-newer-token-0123456789"):
    (row,) = db.execute("select value from auth_kv where key = 'codewhisperer:odic:token'").fetchone()
    value = {**json.loads(row), "access_token": token, "refresh_token": token[::-1]}
    db.execute("update auth_kv set value = ? where key = 'codewhisperer:odic:token'", (json.dumps(value),))
    db.commit()
    print("renewed", token, base64.b64encode(token.encode()).decode(), token[::-1], flush=True)
    print(json.dumps({"type": "message", "text": "My token is " + token}), flush=True)
    print("error", token.encode().hex(), file=sys.stderr, flush=True)
sys.exit("The service refused " + token)
"""


@pytest.fixture(params=["", "nobody"], ids=["one user", "a user of its own"])
def user(request: pytest.FixtureRequest) -> str:
    if request.param and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    return str(request.param)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setitem(_AGENTS, "tester", "tests.integration.steps.tester")
    with Rig.for_every_user() as made:
        made.module = tester.__name__
        yield made


def _login_database(folder: Path) -> str:
    path = folder / "logins/data.sqlite3"
    path.parent.mkdir()
    token = Token(OLD, datetime(2027, 1, 1, tzinfo=UTC), OLD, "us-east-1", None, "DeviceCode", None)
    write_login(path, Login(login_kind("q"), token, None, None))
    return str(path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_an_agent_renews_and_prints_is_masked_at_once(rig: Rig, user: str, mode: str) -> None:
    """Fails when only the tokens that the database began with are known, and, where it is read late, when a
    token that was replaced in the meantime counts as known: the second comes right after the first."""
    program = rig.root / "agent.py"
    program.write_text(SCRIPT)
    rig.prepare(agent="tester", command=f"python3 {program} {mode}")
    rig.steps("clone")
    more: dict[str, Any] = {"STEPHERD_AGENT_USER": user} if user else {}
    done = rig.step("agent", STEPHERD_LOGIN=_login_database(rig.root), **more)
    # THEN it was printed twice, and each time masked
    assert done.returncode == 1
    assert done.stdout.count("renewed *** ***") == 2
    result = rig.result("agent")
    assert result.error is not None
    assert "The service refused ***" in result.error.message
    # AND no encoding of it is anywhere
    keys = [info.key for info in rig.folder.store.list() if info.key.endswith((".json", ".jsonl"))]
    shown = "\n".join([done.stdout, done.stderr, *(rig.folder.store.get(k).body.decode() for k in keys)])
    for token in (NEW, NEWER, NEW[::-1], NEWER[::-1]):
        for name, signs in traces(token).items():
            assert not [sign for sign in signs if sign in shown.encode()], name
