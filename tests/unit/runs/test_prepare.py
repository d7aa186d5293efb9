"""From a request as it was given to a run folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stepherd.agents.registry import agent_names
from stepherd.errors import CannotCreateError, StepherdError, TemporaryError, UsageError
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.instructions import InstructionsNotFound
from stepherd.runs.prepare import check_whole_request, prepare_run
from stepherd.runs.request import InvalidRequest
from stepherd.services.front_matter import InvalidFrontMatter
from stepherd.services.store.contract import Store
from stepherd.services.store.opening import open_store

REPO = "https://github.com/owner/name.git"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    path = tmp_path / "instructions.md"
    path.write_text("# Add a thing\n\nPlease.\n")
    return path


def whole(asked: Path, **changes: Any) -> dict[str, Any]:
    fields = {"instructions": str(asked), "repo": REPO, "command": "true", **changes}
    return {name: value for name, value in fields.items() if value is not None}


def test_defaults_are_filled_in(store: Store, asked: Path) -> None:
    facts = prepare_run("run_1", whole(asked), store)
    folder = run_folder(store, "run_1")
    request = folder.read_request()
    assert (request.agent, request.branch, request.push) == ("command", "stepherd/run_1", "branch")
    assert (request.timeout_seconds, request.base, request.message) == (3600, None, "Add a thing\n")
    frozen = hashlib.sha256(asked.read_bytes()).hexdigest()
    assert facts == {
        "run_id": "run_1",
        "folder": f"{store.reference}/runs/run_1",
        "request_digest": hashlib.sha256(folder.store.get("request.json").body).hexdigest(),
        "instructions_digest": hashlib.sha256(f"{frozen}  instructions.md\n".encode()).hexdigest(),
        "agent": "command",
        "login": {"needed": False, "kind": "", "database": ""},
        "agent_credentials": "",
        "agent_variables": "",
        "push": "branch",
        "git_credentials": "",
        "timeout_seconds": 3600,
        "agent_task_seconds": 4500,
    }


def test_what_was_given_wins_over_front_matter_and_that_over_defaults(store: Store, asked: Path) -> None:
    asked.write_text(
        "---\nrepo: https://h.example/x.git\nbranch: theirs\ntimeout: 60\npush: none\n---\n# Do\n"
    )
    prepare_run("run_1", whole(asked, branch="mine"), store)
    request = run_folder(store, "run_1").read_request()
    assert (request.repo, request.branch) == (REPO, "mine")
    assert (request.timeout_seconds, request.push, request.message) == (60, "none", "Do\n")


@pytest.mark.parametrize(
    ("head", "given", "agent", "command"),
    [
        ("agent: apply", {"command": "make"}, "command", "make"),
        ("command: make", {"agent": "apply", "command": None}, "apply", None),
        ("agent: command\ncommand: make", {"command": "true"}, "command", "true"),
        ("command: make", {"command": None}, "command", "make"),
    ],
)
def test_a_given_agent_or_command_replaces_both_of_front_matter(
    store: Store, asked: Path, head: str, given: dict[str, Any], agent: str, command: str | None
) -> None:
    asked.write_text(f"---\n{head}\n---\n# Do\n")
    prepare_run("run_1", whole(asked, **given), store)
    request = run_folder(store, "run_1").read_request()
    assert (request.agent, request.command) == (agent, command)


def test_front_matter_alone_can_name_everything(store: Store, asked: Path) -> None:
    asked.write_text(f"---\nrepo: {REPO}\nagent: apply\nmessage: Say it\n---\n# Do\n")
    prepare_run("run_1", {"instructions": str(asked)}, store)
    request = run_folder(store, "run_1").read_request()
    assert (request.repo, request.agent, request.message) == (REPO, "apply", "Say it")


def test_a_second_call_gives_the_first_answer_whatever_became_of_the_instructions(
    store: Store, asked: Path
) -> None:
    first = prepare_run("run_1", whole(asked), store)
    asked.unlink()
    assert prepare_run("run_1", whole(asked), store) == first


def test_a_run_id_that_another_request_has_is_taken(store: Store, asked: Path) -> None:
    prepare_run("run_1", whole(asked), store)
    with pytest.raises(CannotCreateError, match="'run_1' already belongs"):
        prepare_run("run_1", whole(asked, command="false"), store)


def test_a_failed_preparation_is_tried_anew_and_counted(store: Store, asked: Path) -> None:
    missing = whole(asked.with_name("later.md"))
    for _ in range(2):
        with pytest.raises(InstructionsNotFound):
            prepare_run("run_1", missing, store)
    asked.rename(asked.with_name("later.md"))
    assert prepare_run("run_1", missing, store)["run_id"] == "run_1"
    result = run_folder(store, "run_1").read_result("prepare")
    assert result is not None
    assert (result.status, result.runs) == ("succeeded", 3)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"repo": None}, InvalidRequest, "No repository is named. Set it with --repo"),
        ({"command": None}, InvalidRequest, "No agent is named"),
        ({"agent": "clippy"}, UsageError, "no agent 'clippy'. The agents are apply, claude, codex, command,"),
        ({"agent": "apply"}, UsageError, "'apply' takes no command"),
        ({"agent": "command", "command": None}, UsageError, "'command' needs a command"),
        ({"command": "sh -c 'x"}, UsageError, "--command cannot be split into words: no closing quotation"),
        ({"command": " "}, UsageError, "it is empty"),
        ({"verify": "'"}, UsageError, "--verify cannot be split into words"),
        ({"verify_required": True}, InvalidRequest, "verify_required is set without a verify command"),
        ({"repo": "ext::sh -c x"}, UsageError, "remote helper"),
        ({"repo": "https://u:p@h/x"}, UsageError, ""),
        ({"base": "-x"}, UsageError, "The base '-x' is not acceptable"),
        ({"branch": "a..b"}, UsageError, "The branch name 'a..b' is not acceptable"),
        ({"instructions": "/nothing/here"}, InstructionsNotFound, "no such file"),
        ({"unknown": 1}, InvalidRequest, "'unknown' is unknown"),
    ],
)
def test_a_wrong_request_starts_nothing_and_says_why(
    store: Store, asked: Path, change: dict[str, Any], error: type[StepherdError], words: str
) -> None:
    with pytest.raises(error) as caught:
        prepare_run("run_1", whole(asked, **change), store)
    assert words in str(caught.value)
    assert not caught.value.retryable
    # THEN only the result that says so is in the folder
    assert [info.key for info in run_folder(store, "run_1").store.list()] == ["prepare/result.json"]


def test_unreadable_front_matter_is_refused(store: Store, asked: Path) -> None:
    asked.write_text("---\nrepo: [\n---\nDo\n")
    with pytest.raises(InvalidFrontMatter):
        prepare_run("run_1", whole(asked), store)


def test_front_matter_is_checked_as_the_request_is(store: Store, asked: Path) -> None:
    asked.write_text("---\ntimeout: soon\n---\nDo\n")
    with pytest.raises(
        InvalidRequest, match="'timeout_seconds' is not acceptable: it must be a whole number"
    ):
        prepare_run("run_1", whole(asked), store)


@pytest.mark.parametrize("run_id", ["../x", "", "a/b", "x" * 81])
def test_a_bad_run_id_touches_nothing(store: Store, asked: Path, run_id: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        prepare_run(run_id, whole(asked), store)
    assert not (tmp_path / "store").exists()


def test_a_disk_that_is_not_the_askers_is_neither_repository_nor_instructions(
    asked: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="on a disk"):
        check_whole_request("run_1", whole(asked), allow_local=False)


class _Refusing:
    """A store that refuses once, as S3 does when it is asked to slow down."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.refuse = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def child(self, prefix: str) -> Any:
        child = _Refusing(self._inner.child(prefix))
        child.refuse = self.refuse
        return child

    def put(self, key: str, body: bytes, **conditions: Any) -> str:
        if key == "request.json" and self.refuse:
            raise _Slow("Slow down.")
        return self._inner.put(key, body, **conditions)


class _Slow(TemporaryError):
    """A kind of its own, which the machine's Retry does not name."""


def test_what_may_pass_is_raised_under_the_name_that_the_machine_retries(store: Store, asked: Path) -> None:
    with pytest.raises(TemporaryError) as caught:
        prepare_run("run_1", whole(asked), _Refusing(store))  # type: ignore[arg-type]
    assert type(caught.value) is TemporaryError


@pytest.fixture
def results(store: Store, asked: Path) -> Iterator[RunFolder]:
    prepare_run("run_1", whole(asked), store)
    yield run_folder(store, "run_1")


def test_the_result_follows_its_schema(results: RunFolder) -> None:
    import json
    from importlib.resources import files

    schema = json.loads(files("stepherd.runs").joinpath("result.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(
        json.loads(results.store.get("prepare/result.json").body)
    )


KEPT = {
    "claude": {"model", "max_turns", "max_cost_usd", "verify_rounds"},
    "opencode": {"model", "max_turns", "max_cost_usd", "verify_rounds"},
    "codex": {"model", "max_turns", "verify_rounds"},
    "q": {"model", "verify_rounds"},
    "kiro": {"model", "verify_rounds"},
    "command": {"verify_rounds"},
    "apply": set(),
}
VALUES = {"model": "m", "max_turns": 3, "max_cost_usd": 1.5, "verify_rounds": 2}


@pytest.mark.parametrize("way", ["given", "front matter"])
@pytest.mark.parametrize("agent", agent_names())
def test_a_limit_that_its_agent_cannot_keep_is_refused_and_no_other_one(
    asked: Path, agent: str, way: str
) -> None:
    """GIVEN each agent and each limit THEN the request stands exactly where the agent keeps the limit."""
    for field, value in VALUES.items():
        more = {field: value}
        if way == "front matter":
            asked.write_text(f"---\n{field}: {value}\n---\n# Do it\n")
            more = {}
        command = "true" if agent == "command" else None
        given = whole(asked, agent=agent, command=command, verify="true", **more)
        if field in KEPT[agent]:
            assert getattr(check_whole_request("run_1", given)[0], field) == value
            continue
        with pytest.raises(InvalidRequest, match=f"The agent '{agent}'") as caught:
            check_whole_request("run_1", given)
        assert caught.value.field == field
        assert all(
            field in KEPT[name] for name in caught.value.remedy.rpartition(": ")[2].rstrip(".").split(", ")
        )
