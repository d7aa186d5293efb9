"""The agent's own commits, pushed as they came: made again, judged one by one, and delivered exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.origin import WHEN, Origin, Run, git

from stepherd.repositories.scan import ChangesBlocked

pytestmark = pytest.mark.exhaustive

KEY = "AKIAZ7QWERTYUIOPLKJH"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def run(tmp_path: Path, origin: Origin) -> Run:
    made = Run(tmp_path / "run", origin.repository)
    made.clone()
    return made


def commit(run: Run, file: str, text: str, message: str = "") -> None:
    (run.workspace / file).write_text(text)
    git(run.workspace, "add", "-A")
    git(run.workspace, "commit", "-qm", message or f"write {file}", GIT_COMMITTER_DATE="1790000000 +0000")


def log(origin: Origin, form: str, branch: str = "stepherd/run_1") -> list[str]:
    return git(origin.bare, "log", f"--format={form}", f"main..{branch}").splitlines()


def test_each_commit_is_made_anew_and_the_rest_comes_last(origin: Origin, run: Run) -> None:
    commit(run, "a.txt", "a\n", "First\n\nSigned-off-by: Boss <boss@example.com>\n\nbody \x1b[31mred\u202e")
    commit(run, "b.txt", "b\n")
    run.write({"c.txt": "c\n"})
    run.record()
    facts = run.push(commits="keep")
    assert (facts.created, facts.note) == (True, "")
    assert log(origin, "%s") == ["Do the work", "write b.txt", "First"]
    assert set(log(origin, "%an <%ae> %cn")) == {"Robot <robot@example.com> Robot"}
    assert set(log(origin, "%(trailers:key=Stepherd-Run,valueonly,separator=%x20)")) == {"run_1"}
    first = git(origin.bare, "log", "-1", "--format=%B", "stepherd/run_1~2")
    assert first == "First\n\nbody red\n\nStepherd-Run: run_1"
    assert log(origin, "%ct")[1:] == [str(min(1790000000, int(WHEN.timestamp())))] * 2


def test_without_a_rest_the_last_commit_is_the_agents(origin: Origin, run: Run) -> None:
    commit(run, "a.txt", "a\n")
    run.record()
    facts = run.push(commits="keep", last_message=lambda message: f"Partial work: {message}")
    assert log(origin, "%s") == ["Partial work: write a.txt"]
    assert facts.commit == origin.tip("stepherd/run_1")


def test_a_second_push_finds_the_same_commits(origin: Origin, run: Run) -> None:
    for name in ("a", "b", "c"):
        commit(run, name, name)
    run.record()
    first = run.push(commits="keep")
    second = run.push(commits="keep")
    assert (second.commit, second.created) == (first.commit, False)
    assert len(log(origin, "%H")) == 3


def test_a_later_attempt_goes_on_where_the_first_one_ended(origin: Origin, run: Run) -> None:
    commit(run, "a.txt", "a\n")
    commit(run, "b.txt", "b\n")
    run.record()
    run.push(commits="keep")
    commit(run, "c.txt", "c\n")
    run.record()
    facts = run.push(commits="keep")
    assert log(origin, "%s") == ["write c.txt", "write b.txt", "write a.txt"]
    again = run.push(commits="keep")
    assert (again.commit, again.created) == (facts.commit, False)


def test_a_later_attempt_that_differs_is_put_upon_the_first(origin: Origin, run: Run) -> None:
    commit(run, "a.txt", "a\n")
    run.write({"rest.txt": "rest\n"})
    run.record()
    run.push(commits="keep")
    (run.workspace / "rest.txt").unlink()
    commit(run, "b.txt", "b\n")
    run.record()
    run.push(commits="keep")
    assert log(origin, "%s") == ["write b.txt", "Do the work", "write a.txt"]
    assert origin.show("stepherd/run_1", "b.txt") == "b"
    assert "rest.txt" not in git(origin.bare, "ls-tree", "--name-only", "stepherd/run_1")


def test_a_merge_is_delivered_as_one_commit_and_said(origin: Origin, run: Run) -> None:
    git(run.workspace, "checkout", "-qb", "side")
    commit(run, "a.txt", "a\n")
    git(run.workspace, "checkout", "-q", "main")
    commit(run, "b.txt", "b\n")
    git(run.workspace, "merge", "-q", "--no-edit", "side")
    run.record()
    facts = run.push(commits="keep")
    assert log(origin, "%s") == ["Do the work"]
    assert "delivered as one: they are not a single line" in facts.note


def test_a_secret_that_a_later_commit_took_out_is_not_in_the_history(origin: Origin, run: Run) -> None:
    commit(run, "a.txt", f"key = {KEY}\n")
    commit(run, "a.txt", "key = os.environ\n")
    run.record()
    facts = run.push(commits="keep")
    assert log(origin, "%s") == ["Do the work"]
    assert "a.txt:1" in facts.note
    objects = git(origin.bare, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert not any(KEY in git(origin.bare, "cat-file", "-p", name) for name in objects)


def test_a_secret_in_the_result_blocks_as_ever(run: Run) -> None:
    commit(run, "a.txt", f"key = {KEY}\n")
    with pytest.raises(ChangesBlocked):
        run.record()
    with pytest.raises(ChangesBlocked):
        run.push(commits="keep")


def test_the_runs_own_secrets_are_masked_in_messages(origin: Origin, run: Run) -> None:
    commit(run, "a.txt", "a\n", "With opensesame-4711 in it")
    run.record()
    run.push(commits="keep", known_secrets=["opensesame-4711"])
    assert "opensesame" not in log(origin, "%B")[0]


def test_what_was_kept_beside_the_changes_is_never_pushed(origin: Origin, run: Run) -> None:
    git(run.workspace, "checkout", "-qb", "side")
    commit(run, "secret.txt", "side\n")
    side = git(run.workspace, "rev-parse", "side:secret.txt")
    git(run.workspace, "checkout", "-q", "main")
    run.write({"new.txt": "new\n"})
    run.record()
    run.push(commits="keep")
    assert side not in git(origin.bare, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert git(origin.bare, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/heads/stepherd/run_1",
    ]


HIDDEN = "*.key filter=git-crypt diff=git-crypt\n"
STEPS: dict[str, tuple[str, str | None]] = {
    "drop": (".gitattributes", "# nothing\n"),
    "narrow": (".gitattributes", "other.key filter=git-crypt\n"),
    "back": (".gitattributes", HIDDEN),
    "gone": (".gitattributes", None),
    "write": ("a.key", "opensesame\n"),
    "copy": ("b.key", "opensesame\n"),
    "encrypted": ("a.key", "\0GITCRYPT\0 new"),
}


@pytest.mark.parametrize(
    "steps",
    [
        ("drop", "write"),
        ("gone", "copy"),
        ("narrow", "drop", "write", "encrypted"),
        ("drop", "back", "gone", "copy", "back"),
    ],
    ids="-".join,
)
def test_no_order_of_commits_takes_a_filter_away_from_what_it_hides(
    tmp_path: Path, steps: tuple[str, ...]
) -> None:
    origin = Origin.create(tmp_path / "origin", {".gitattributes": HIDDEN, "a.key": "\0GITCRYPT\0 old"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    for number, step in enumerate(steps):
        path, text = STEPS[step]
        if text is None:
            (run.workspace / path).unlink()
            text = ""
            path = f"{number}.txt"
        commit(run, path, text, step)
    changes = run.recorded(keep_commits=True)
    facts = run.pushed(commits="keep")
    named = git(origin.bare, "log", "-p", "--all", "--text")
    assert "opensesame" not in named
    assert "git-crypt" in facts.note
    assert changes.other is not None
    assert "git-crypt" in changes.other.unfit


def test_commits_that_change_attributes_and_hide_nothing_are_kept(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin", {".gitattributes": HIDDEN, "a.key": "\0GITCRYPT\0 old"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    commit(run, ".gitattributes", HIDDEN + "*.txt text\n", "first")
    commit(run, "a.txt", "a\n", "second")
    run.recorded(keep_commits=True)
    assert (run.pushed(commits="keep").note, log(origin, "%s")) == ("", ["second", "first"])
