"""Input that cannot be run: one clear line with the next step, a code of sysexits, nothing begun or lost."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.place import Done, Place
from tests.integration.repositories.origin import git

from stepherd.cli.main import main


@pytest.fixture
def stepherd(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """The command line in this process, without its start-up time; nothing that is refused starts another."""
    monkeypatch.chdir(place.root)
    monkeypatch.setenv("STEPHERD_HOME", str(place.home))
    monkeypatch.setattr("stepherd.processes.account.hide_this_process", lambda: None)

    def call(*argv: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["stepherd", *argv])
        capfd.readouterr()
        code = main()
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call


def _check_refusal(done: Done, code: int, *words: str) -> None:
    """One line on standard error says what, why and the next step; with --json one object says the same."""
    assert done.code == code, done.err
    assert 64 <= done.code <= 78
    assert done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    error = done.json["error"]
    assert error["message"]
    assert error["remedy"], "every error names the next step"
    assert done.err.rstrip().endswith(" ".join(error["remedy"].split()))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", done.err)


def _check_nothing_began(place: Place) -> None:
    assert not (place.home / "journal.sqlite3").exists()
    assert not (place.home / "store").exists()
    assert not (place.home / "tasks").exists()
    assert not (place.root / "tripped").exists()
    # While the repository is asked, a function's process is begun; its log is all that may be left of it.
    assert [path.name for path in place.home.glob("*") if path.name != "logs"] == []
    assert [path for path in place.home.rglob("logs/**/*") if path.is_file() and path.stat().st_size] == []


def _words(place: Place, **changes: str | None) -> list[str]:
    """``run`` with everything right but ``changes``."""
    given: dict[str, str | None] = {
        "name": "run_1",
        "repo": str(place.origin.bare),
        "instructions": str(place.instructions()),
        "command": "true",
        **changes,
    }
    words = ["run", "--json"]
    for name, value in given.items():
        if value is not None:
            words.append(f"--{name.replace('_', '-')}={value}")
    return words


INSTRUCTIONS: dict[str, tuple[int, str]] = {
    "missing.md": (66, "missing.md"),
    "empty.md": (65, "empty"),
    "blank.md": (65, "empty"),
    "folder": (66, "instructions.md"),
    "binary.md": (65, "UTF-8"),
    "unclosed.md": (65, "'---'"),
    "unreadable.md": (65, "YAML"),
    "unknown-key.md": (65, "reop"),
    "list.md": (65, "mapping"),
    "alias.md": (65, "alias"),
    "http://example.com/i.md": (64, "s3://"),
    "": (64, "instructions"),
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions_that_are_none(place: Place, stepherd: Callable[..., Done], name: str) -> None:
    contents = {
        "empty.md": b"",
        "blank.md": b" \n\t\n",
        "binary.md": b"\xff\xfe\x00",
        "unclosed.md": b"---\nrepo: x\n# Do\n",
        "unreadable.md": b"---\nrepo: [x\n: :\n---\n# Do\n",
        "unknown-key.md": b"---\nreop: x\n---\n# Do\n",
        "list.md": b"---\n- repo\n---\n# Do\n",
        "alias.md": b"---\nrepo: &a x\nbranch: *a\n---\n# Do\n",
    }
    for file, content in contents.items():
        (place.root / file).write_bytes(content)
    (place.root / "folder").mkdir()
    (place.root / "folder/readme.md").write_text("# Do\n")
    code, word = INSTRUCTIONS[name]
    _check_refusal(stepherd(*_words(place, instructions=name)), code, word)
    _check_nothing_began(place)


REQUESTS: dict[str, tuple[dict[str, str | None], int, str]] = {
    "unknown agent": ({"agent": "gandalf"}, 64, "gandalf"),
    "no agent": ({"command": None}, 64, "--agent"),
    "empty command": ({"command": ""}, 64, "command"),
    "unbalanced command": ({"command": "sh -c 'true"}, 64, "quot"),
    "no repository": ({"repo": None}, 64, "--repo"),
    "time limit of nothing": ({"timeout": "0"}, 64, "timeout"),
    "time limit of a word": ({"timeout": "soon"}, 64, "timeout"),
    "push to the moon": ({"push": "moon"}, 64, "push"),
    "unknown flag": ({"colour": "red"}, 64, "--colour"),
    "required check of nothing": ({"verify": ""}, 64, "verify"),
    "long name": ({"name": "x" * 81}, 64, "80"),
    "name with a space": ({"name": "a b"}, 64, "a b"),
    "name with a colon": ({"name": "a:b"}, 64, "a:b"),
    "name with a picture": ({"name": "run\U0001f600"}, 64, "letters"),
    "name that climbs": ({"name": "../x"}, 64, "../x"),
    "empty name": ({"name": ""}, 64, "letters"),
    "secret that is not there": ({"git_credentials": "env:NO_SUCH_TOKEN"}, 77, "NO_SUCH_TOKEN"),
    "secret file that is not there": ({"git_credentials": "file:none.json"}, 77, "none.json"),
    "secret instead of its name": ({"git_credentials": "ghp_abcdefghijklmnop"}, 64, "not shown"),
    "empty address": ({"repo": ""}, 64, "empty"),
    "base that does not exist": ({"base": "no-such-branch"}, 66, "no-such-branch"),
    "branch option": ({"branch": "-x"}, 64, "'-'"),
    "branch climbing": ({"branch": "a..b"}, 64, "'..'"),
    "branch reflog": ({"branch": "a@{1}"}, 64, "@{"),
    "branch lock": ({"branch": "x.lock"}, 64, ".lock"),
    "branch full": ({"branch": "refs/heads/x"}, 64, "refs/"),
    "branch long": ({"branch": "x" * 300}, 64, "200"),
    "branch lines": ({"branch": "a\nb"}, 64, "control"),
    "base option": ({"base": "--upload-pack=touch tripped"}, 64, "'-'"),
    "base lines": ({"base": "a\nb"}, 64, "control"),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_that_cannot_be_run(place: Place, stepherd: Callable[..., Done], what: str) -> None:
    changes, code, word = REQUESTS[what]
    done = stepherd(*_words(place, **changes))
    _check_refusal(done, code, word)
    assert "ghp_" not in done.out + done.err
    _check_nothing_began(place)


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch tripped",
        "-u",
        "ext::sh -c 'touch tripped'",
        "fd::17",
        "file:///etc",
        "/etc",
        "nowhere",
        "git://example.com/x.git",
        "http://example.com/x.git",
        "ftp://example.com/x.git",
        "ssh://-oProxyCommand=touch%20tripped/x",
        "https://example.com/%0ax",
        "https://example.com/%1b[31mx",
        "https:///h",
        "https://user:hunter2@example.com/x.git",
        "https://ex\u0430mple.com/x.git",
        "https://169.254.169.254/latest",
        "https://[::ffff:169.254.169.254]/x",
        "https://2852039166/x",
        "https://localhost/x.git",
        "https://127.0.0.1:1/x.git",
        "https://metadata.google.internal/x",
        "git@localhost:x.git",
        "https://example.com/../x",
        "",
        " ",
        "x" * 3000,
        "a\u202eb",
    ],
)
def test_a_hostile_address(place: Place, stepherd: Callable[..., Done], url: str) -> None:
    done = stepherd(*_words(place, repo=url))
    _check_refusal(done, 64, "repo")
    assert "hunter2" not in done.out + done.err
    _check_nothing_began(place)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.git", "ssh://nobody@127.0.0.1:1/x.git"])
def test_a_server_that_does_not_answer(
    place: Place, stepherd: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
    monkeypatch.setattr("stepherd.repositories.probe.PAUSES", (), raising=False)
    _check_refusal(stepherd(*_words(place, repo=url)), 69, "127.0.0.1")
    _check_nothing_began(place)


@pytest.fixture
def old_run(place: Place) -> Place:
    """A home with one run that has ended."""
    place.run("sh -c 'echo new > new.txt'", name="run_1").ok()
    return place


def test_names_of_runs_that_are_taken_or_unknown(old_run: Place, stepherd: Callable[..., Done]) -> None:
    place = old_run
    before = place.origin.refs(), _digests(place)
    # A name that is taken, by another request and by the same
    for command in ("true", "sh -c 'echo new > new.txt'"):
        _check_refusal(stepherd(*_words(place, command=command)), 73, "run_1", "--name")
    # A run that there is not
    for command in ("status", "logs", "history", "watch", "stop", "redrive", "resume", "pull"):
        _check_refusal(stepherd(command, "run_none", "--json"), 66, "run_none")
        _check_refusal(stepherd(command, "../run_1", "--json"), 66 if command != "pull" else 64, "run_1")
    # A folder that is no clone
    (place.root / "loop").symlink_to("loop")
    for folder in ("/", str(place.root / "loop")):
        _check_refusal(stepherd("pull", "run_1", "--into", folder, "--json"), 64, "--into")
    assert (place.origin.refs(), _digests(place)) == before
    # A branch that is taken
    clone = place.root / "clone"
    git(place.root, "clone", "-q", str(place.origin.bare), str(clone))
    git(clone, "commit", "-q", "--allow-empty", "-m", "mine")
    git(clone, "branch", "stepherd/run_1")
    tip = git(clone, "rev-parse", "stepherd/run_1")
    _check_refusal(stepherd("pull", "run_1", "--into", str(clone), "--json"), 73, "stepherd/run_1")
    assert git(clone, "rev-parse", "stepherd/run_1") == tip


@pytest.mark.parametrize("command", ["status", "logs", "history", "watch", "stop", "redrive", "pull"])
def test_a_home_without_runs(place: Place, stepherd: Callable[..., Done], command: str) -> None:
    _check_refusal(stepherd(command, "run_1", "--json"), 66)
    _check_nothing_began(place)


def _digests(place: Place) -> dict[str, str]:
    """Digests of everything in the store and the journal."""
    with sqlite3.connect(place.home / "journal.sqlite3") as journal:
        rows = (
            journal.execute("SELECT * FROM executions").fetchall()
            + journal.execute("SELECT * FROM events").fetchall()
        )
    files = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (place.home / "store").rglob("*")
        if path.is_file()
    }
    return {**files, "journal": repr(rows)}


@pytest.mark.parametrize("damage", ["rubbish", "torn page", "another database", "of the future"])
def test_a_corrupt_journal_is_named_and_kept_as_it_is(
    old_run: Place, stepherd: Callable[..., Done], damage: str
) -> None:
    place = old_run
    path = place.home / "journal.sqlite3"
    _damage(path, damage)
    content = path.read_bytes()
    before = place.origin.refs()
    for words in (
        ["status", "run_1", "--json"],
        ["list", "--json"],
        ["resume", "--json"],
        _words(place, name="run_2"),
    ):
        _check_refusal(stepherd(*words), 65, str(path), "mv ")
        assert path.read_bytes() == content
    detached = place.cli(*_words(place, name="run_3"), "--detach")
    assert 64 <= detached.code <= 78
    assert str(path) in detached.err
    assert path.read_bytes() == content
    assert place.origin.refs() == before


def _damage(path: Path, damage: str) -> None:
    with sqlite3.connect(path) as journal:
        journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.close()
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    if damage == "rubbish":
        path.write_bytes(b"not a database, but somebody's letter\n" * 200)
    elif damage == "torn page":
        content = bytearray(path.read_bytes())
        content[4096 * 2 : 4096 * 4] = os.urandom(4096 * 2)
        path.write_bytes(content)
    elif damage == "another database":
        path.unlink()
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE letters (text TEXT)")
        other.close()
    else:
        with sqlite3.connect(path) as journal:
            journal.execute("PRAGMA user_version=999")
        journal.close()
        path.write_bytes(path.read_bytes())


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size at ``folder``; only root can make one."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or not shutil.which("mount"):
        if os.environ.get("STEPHERD_REQUIRE_ALL") == "1" and os.geteuid() == 0:
            pytest.fail("mount is missing")
        pytest.skip("only root can make a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_before_the_start(place: Place) -> None:
    with _small_disk(place.home, "64k"):
        (place.home / "ballast").write_bytes(b"x" * 60 * 1024)
        done = place.run("true")
        _check_refusal(done, 74, str(place.home))


def test_a_full_disk_in_the_middle_loses_nothing_that_was_done(place: Place) -> None:
    before = place.origin.refs()
    with _small_disk(place.home, "6m"):
        # GIVEN an agent that leaves no room
        filler = place.script(
            f"test -e {place.root}/luck || head -c 20m /dev/urandom > big.bin; echo new > new.txt"
        )
        done = place.run(filler)
        # THEN the run has not succeeded, the remote is as it was, the journal can be read
        assert done.code != 0
        assert "Traceback" not in done.err
        assert place.origin.refs() == before
        shown = place.status()
        assert shown["status"] in ("FAILED", "RUNNING")
        # AND with room it continues to its end
        (place.root / "luck").touch()
        subprocess.run(["mount", "-o", "remount,size=64m", str(place.home)], check=True)
        again = place.cli("resume" if shown["status"] == "RUNNING" else "redrive", "run_1", "--json").ok()
        assert again.json["status"] == "SUCCEEDED"
    assert place.origin.tip("stepherd/run_1")


def test_the_one_json_object_of_a_refusal(place: Place) -> None:
    """By the real process: nothing but the object on standard output."""
    done = place.cli(*_words(place, agent="gandalf"))
    _check_refusal(done, 64, "gandalf")
    fields: dict[str, Any] = json.loads(done.out)
    assert set(fields["error"]) == {"category", "message", "remedy", "commands", "retryable"}


@pytest.mark.parametrize(
    ("field", "value", "code"), [("agent", "gandalf", 64), ("repo", "/nowhere", 64), ("base", "no-such", 66)]
)
def test_a_home_with_runs_is_as_it_was_after_a_refusal(
    place: Place, field: str, value: str, code: int
) -> None:
    """There, processes begin while the request is checked; that they end again is seen to by ``place``."""
    place.run("true").ok()
    before = _contents(place.home)
    _check_refusal(place.cli(*_words(place, name="run_2", **{field: value})), code, value)
    assert _contents(place.home) == before
    assert [run["run_id"] for run in place.cli("list", "--json").ok().json["runs"]] == ["run_1"]


def _contents(home: Path) -> dict[str, bytes]:
    """All files but the functions' logs, and the journal's own beside it, which come and go."""
    files = (path for path in home.rglob("*") if path.is_file())
    shown = {path.relative_to(home).as_posix(): path.read_bytes() for path in files}
    return {
        n: b for n, b in shown.items() if not n.startswith("logs/") and "-wal" not in n and "-shm" not in n
    }
