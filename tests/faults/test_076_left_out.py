"""Fault 76: what must not be pushed is left out, the rest arrives, and nothing of the work is lost."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from tests.integration.repositories.origin import ENVIRONMENT, Origin, Run, git

from stepherd.errors import DataError
from stepherd.repositories import odd_files, set_aside
from stepherd.repositories.changes import Changes
from stepherd.repositories.git_names import other_name
from stepherd.repositories.replay import replay_changes
from stepherd.repositories.scan import ChangesBlocked

pytestmark = pytest.mark.exhaustive

KEY = "AKIA" + "IOSFODNN7" + "EXAMPLQ"
OTHER = "AKIA" + "QWERTYUIOPASDFGH"
OWN = "gw-Zk3v9QpL0xT7nR2s"
PEM = "-----BEGIN " + "RSA PRIVATE KEY-----\n" + "\n".join(f"{n:064d}" for n in range(8)) + "\n"


def begin(folder: Path, files: dict[str, str] | None = None, links: dict[str, str] | None = None) -> Run:
    origin = Origin.create(folder / "origin")
    for name, target in (links or {}).items():
        (origin.work / name).parent.mkdir(parents=True, exist_ok=True)
        (origin.work / name).symlink_to(target)
    origin.commit({"base.txt": "1\n", **(files or {})})
    run = Run(folder / "run", origin.repository)
    run.clone()
    return run


def entries(run: Run, commit: str) -> dict[str, str]:
    """Path to mode and object of what a commit on the remote holds, or one of the bundle."""
    listed = git(run.origin, "ls-tree", "-r", "-z", commit).split("\0")
    return dict(reversed(entry.split("\t", 1)) for entry in listed if entry)


def unbundle(run: Run) -> dict[str, str]:
    """The commits of the bundle, brought into the remote's objects to be looked at."""
    git(run.origin, "bundle", "unbundle", str(run.bundle))
    return dict(reversed(line.split()) for line in run.heads())


def everything(run: Run) -> dict[str, str]:
    heads = unbundle(run)
    return entries(run, heads.get("refs/stepherd/all") or heads["refs/stepherd/changes"])


def left_out(changes: Changes) -> dict[str, str]:
    return {finding.path: finding.what for finding in changes.left_out}


def test_the_rest_arrives_and_all_of_it_is_kept(tmp_path: Path) -> None:
    run = begin(tmp_path, {"settings.ini": "a\n"})
    run.write({"settings.ini": f"a\n{KEY}\n", "new.env": KEY, "work.txt": "done\n"})
    changes = run.recorded()
    assert left_out(changes) == {"settings.ini": "secret", "new.env": "secret"}
    assert [file.path for file in changes.files] == ["work.txt"]
    pushed = entries(run, run.pushed().commit)
    # A changed file stays as the base has it, a new one is absent.
    assert pushed["settings.ini"] == entries(run, "main")["settings.ini"]
    assert "new.env" not in pushed
    assert "work.txt" in pushed
    assert {"settings.ini", "new.env", "work.txt"} <= everything(run).keys()


def test_a_run_that_is_blocked_whole_pushes_nothing_and_keeps_all(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.write({"new.env": KEY})
    changes = run.recorded()
    assert (changes.commit, changes.files) == (None, ())
    assert changes.everything is not None
    with pytest.raises(DataError, match="has nothing to push"):
        run.pushed()
    with pytest.raises(ChangesBlocked, match=r"Nothing is pushed: new\.env:1"):
        run.push()
    assert "new.env" in everything(run)


def test_the_push_leaves_out_what_only_it_knows(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.write({"a.txt": f"{OWN}\n", "b.txt": "b\n"})
    run.record()
    facts = run.pushed(known_secrets=(OWN,))
    assert [(each.path, each.what) for each in facts.left_out] == [("a.txt", "own secret")]
    assert entries(run, facts.commit).keys() >= {"b.txt"}
    assert "a.txt" not in entries(run, facts.commit)
    message = git(run.origin, "log", "-1", "--format=%B", facts.commit)
    assert message.startswith("Partial work: Do the work")
    assert "a.txt:1: it holds a secret of this run" in message
    # AND a second push finds it on the remote
    assert not run.pushed(known_secrets=(OWN,)).created


# Secrets that the base holds already do not count


def test_a_moved_fixture_is_no_news(tmp_path: Path) -> None:
    run = begin(tmp_path, {"tests/key.pem": PEM, "keys.txt": f"{KEY}\n" * 300})
    (run.workspace / "fixtures").mkdir()
    (run.workspace / "tests/key.pem").rename(run.workspace / "fixtures/key.pem")
    (run.workspace / "copy.txt").write_bytes((run.workspace / "keys.txt").read_bytes())
    changes = run.record()
    assert {file.path for file in changes.files} == {"tests/key.pem", "fixtures/key.pem", "copy.txt"}
    assert run.push().created


def test_a_moved_file_may_change_but_gets_no_new_secret(tmp_path: Path) -> None:
    text = f"{PEM}old = {KEY}\n"
    run = begin(tmp_path, {"tests/key.pem": text})
    (run.workspace / "tests/key.pem").rename(run.workspace / "moved.pem")
    run.write({"moved.pem": f"# moved\n{text}"})
    assert run.record().commit
    # WHEN there is a new one among more old ones than are counted
    run.write({"moved.pem": f"# moved\n{text}new = {OTHER}\n"})
    (finding,) = run.recorded().left_out
    assert (finding.path, finding.line) == ("moved.pem", text.count("\n") + 2)


def test_a_new_secret_is_found_behind_hundreds_of_old_ones(tmp_path: Path) -> None:
    text = "".join(f"{KEY} {number}\n" for number in range(400))
    run = begin(tmp_path, {"keys.txt": text})
    (run.workspace / "keys.txt").rename(run.workspace / "moved.txt")
    run.write({"moved.txt": f"{text}{OTHER}\n"})
    assert [finding.line for finding in run.recorded().left_out] == [401]


def test_a_moved_link_is_no_news_and_another_is(tmp_path: Path) -> None:
    run = begin(tmp_path, {"target": "/etc/hosts"}, links={"hosts": "/etc/hosts"})
    (run.workspace / "hosts").rename(run.workspace / "moved")
    assert run.record().commit
    (run.workspace / "passwd").symlink_to("/etc/passwd")
    assert left_out(run.recorded()) == {"passwd": "link outwards"}


def test_a_text_of_the_base_is_no_excuse_for_a_link_to_it(tmp_path: Path) -> None:
    run = begin(tmp_path, {"target": "/etc/hosts"})
    (run.workspace / "link").symlink_to("/etc/hosts")
    assert left_out(run.recorded()) == {"link": "link outwards"}


def test_a_large_file_of_the_base_may_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(tmp_path, {"large": "x" * 5000})
    monkeypatch.setattr(set_aside, "LARGEST_FILE", 4000)
    monkeypatch.setattr(odd_files, "LARGE", 1000)
    (run.workspace / "large").rename(run.workspace / "moved")
    assert {file.path for file in run.record().files} == {"large", "moved"}
    run.write({"other": "y" * 5000})
    assert left_out(run.recorded()) == {"other": "too large"}


def test_a_secret_of_the_run_is_old_only_as_the_very_same_file(tmp_path: Path) -> None:
    run = begin(tmp_path, {"a.txt": f"{OWN}\n" + "text\n" * 20})
    (run.workspace / "a.txt").rename(run.workspace / "b.txt")
    assert run.record(known_secrets=(OWN,)).commit
    run.write({"b.txt": f"{OWN}\n" + "text\n" * 21})
    assert left_out(run.recorded(known_secrets=(OWN,))) == {"b.txt": "own secret"}


# Environments, nested repositories, large files


def test_an_environment_is_left_out_as_one_and_the_work_arrives(tmp_path: Path) -> None:
    run = begin(tmp_path)
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(run.workspace / ".venv")], check=True)
    (run.workspace / ".venv/.gitignore").unlink(missing_ok=True)  # Python 3.13 makes one
    run.write({"work.txt": "done\n"})
    changes = run.recorded()
    assert left_out(changes) == {".venv": "environment"}
    assert [file.path for file in changes.files] == ["work.txt"]
    kept = everything(run)
    assert ".venv/pyvenv.cfg" in kept
    assert ".venv/bin/python3" in kept
    # AND who wants it gets it, with the links that lead outside
    allowed = run.recorded(allow=(".venv",))
    assert allowed.left_out == ()
    assert ".venv/bin/python3" in {file.path for file in allowed.files}
    assert run.pushed(allow=(".venv",)).left_out == ()


def test_an_environment_of_the_base_is_an_ordinary_folder(tmp_path: Path) -> None:
    run = begin(tmp_path, {"env/pyvenv.cfg": "home = /usr/bin\n", "dev/notes.txt": "x\n"})
    new = {"env/new.txt", "dev/pyvenv.cfg", "dev/new.txt", "pyvenv.cfg"}
    run.write(dict.fromkeys(new, "x"))
    assert {file.path for file in run.record().files} == new


def nested(run: Run, path: str, files: dict[str, str]) -> None:
    run.write({f"{path}/{name}": text for name, text in files.items()})
    git(run.workspace / path, "init", "-q")
    git(run.workspace / path, "add", "-A")
    git(run.workspace / path, "commit", "-q", "--allow-empty", "-m", "x")


def test_the_files_of_a_nested_repository_are_kept_and_can_be_allowed(tmp_path: Path) -> None:
    run = begin(tmp_path)
    nested(run, "vendor/lib", {"x.txt": "x", "deep/y.txt": "y", ".gitignore": "out/\n", "out/z": "z"})
    run.write({"work.txt": "done\n"})
    assert left_out(run.recorded()) == {"vendor/lib": "nested repository"}
    names = {"vendor/lib/x.txt", "vendor/lib/deep/y.txt", "vendor/lib/.gitignore"}
    assert {name for name in everything(run) if name.startswith("vendor/")} == names
    allowed = run.recorded(allow=("vendor/lib",))
    assert {file.path for file in allowed.files} == {*names, "work.txt"}
    assert allowed.left_out == ()


def test_what_is_too_much_to_keep_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "_MOST_FILES", 3)
    monkeypatch.setattr(set_aside, "_MOST_BYTES", 10_000)
    monkeypatch.setattr(set_aside, "LARGEST_FILE", 4000)
    monkeypatch.setattr(odd_files, "LARGE", 1000)
    run = begin(tmp_path)
    nested(run, "lib", {f"{number}.txt": "x" for number in range(4)})
    run.write({"a.bin": "a" * 6000, "b.bin": "b" * 6000, "work.txt": "x", ".GIT/config": "x"})
    changes = run.recorded()
    details = {finding.path: finding.detail for finding in changes.left_out}
    assert "not kept: it has more than 3 files" in details["lib"]
    assert "not kept" not in details[".GIT/config"]
    assert "not kept" not in details["a.bin"]
    assert "not kept: no more than" in details["b.bin"]
    assert {"a.bin", "work.txt", other_name(".GIT/config")} == everything(run).keys() - entries(
        run, "main"
    ).keys()
    # AND what is allowed and is too much is not lost from sight
    assert "not kept" in {f.path: f.detail for f in run.recorded(allow=("lib",)).left_out}["lib"]


# Findings that a person allows


@pytest.mark.parametrize(
    ("allow", "lets"),
    [
        (("tests/key.pem",), True),
        (("tests",), True),
        (("tests/",), True),
        (("**/*.pem",), True),
        (("*/*.pem",), True),
        (("*.pem",), False),
        (("tests/key",), False),
        (("test",), False),
        (("other/**",), False),
    ],
)
def test_allowed_paths_are_pushed(tmp_path: Path, allow: tuple[str, ...], lets: bool) -> None:
    run = begin(tmp_path)
    run.write({"tests/key.pem": PEM, "other.env": KEY})
    changes = run.recorded(allow=allow)
    assert left_out(changes).keys() == ({"other.env"} if lets else {"other.env", "tests/key.pem"})
    if lets:
        assert "tests/key.pem" in entries(run, run.pushed(allow=allow).commit)
        # The push does not take the word of the bundle for it.
        with pytest.raises(ChangesBlocked):
            run.push(branch="other")


def test_nobody_can_allow_a_secret_of_the_run_or_a_false_git(tmp_path: Path) -> None:
    run = begin(tmp_path)
    flood = f"{KEY}\n" * 300
    run.write({"a.txt": f"{flood}{OWN}\n", f"{OWN}.txt": "x", "sub/.GIT/config": "x", "b.txt": flood})
    changes = run.recorded(allow=("**",), known_secrets=(OWN,))
    assert {finding.what for finding in changes.left_out} == {"own secret", "forbidden name"}
    assert [file.path for file in changes.files] == ["b.txt"]
    assert OWN not in repr(changes.left_out)


def test_automation_that_is_refused_can_be_allowed(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.write({".github/workflows/ci.yml": "on: push\n", ".gitlab-ci.yml": "x"})
    changes = run.recorded(refuse_automation=True, allow=(".github",))
    assert left_out(changes) == {".gitlab-ci.yml": "automation"}


def test_every_file_with_a_secret_is_left_out_however_many_there_are(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.write({f"key-{number}.txt": f"{KEY}\n" * 3 for number in range(150)} | {"work.txt": "x"})
    changes = run.recorded()
    assert len(left_out(changes)) == 150
    assert [file.path for file in changes.files] == ["work.txt"]


# Anything


NAMES = ["a", "b", "sub/a", "sub/b", "deep/er/a", "base.txt", "old.pem", "lnk", "env/x", 'q"uote', "üml"]
TEXTS = ["x\n", f"{KEY}\n", PEM, "y\n" * 300, f"a {OWN} b\n", "", "moved\n"]


def act(run: Run, chance: random.Random) -> None:
    path = run.workspace / chance.choice(NAMES)
    free = not any(parent.is_file() or parent.is_symlink() for parent in path.parents) and not path.is_dir()
    match chance.randint(0, 9):
        case 0 | 1 | 2 if free:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(chance.choice(TEXTS), encoding="utf-8")
        case 3 if free:
            path.unlink(missing_ok=True)
        case 4 if free:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(chance.choice(["/etc/passwd", "base.txt", "../../x", "nowhere"]))
        case 5 if free and path.is_file() and not path.is_symlink():
            path.rename(path.with_name(path.name + "-moved"))
        case 6:
            run.write({"env/pyvenv.cfg": "home = /usr/bin\n"})
        case 7:
            nested(run, f"nested{chance.randint(0, 2)}", {"f.txt": chance.choice(TEXTS) or "x"})
        case 8:
            run.write({"large.bin": "L" * 6000})
        case _:
            run.write({"sub2/.Git/config": "x"})


def look(seed: int, folder: Path) -> None:
    """Each path is pushed as it is, or as the base has it and then named; and it is in the bundle, or named
    as not kept."""
    chance = random.Random(seed)
    run = begin(folder, {"old.pem": PEM, "sub/b": "b\n", "keys": f"{KEY}\n"}, links={"lnk": "/etc/hosts"})
    for _ in range(chance.randint(1, 12)):
        act(run, chance)
    changes = run.recorded(known_secrets=(OWN,))
    base, work = entries(run, "main"), on_disk(run)
    kept = everything(run) if changes.commit or changes.everything else base
    pushed = entries(run, run.pushed(known_secrets=(OWN,)).commit) if changes.commit else base
    named = {finding.path: finding for finding in changes.left_out}
    for path in base.keys() | work.keys():
        finding = next((named[each] for each in above(path) if each in named), None)
        if finding is None:
            assert pushed.get(path) == work.get(path), path
        else:
            assert pushed.get(path) == base.get(path), path
        # A file whose name git does not take is kept under another.
        holds = work.get(path) in (kept.get(path), kept.get(other_name(path)))
        assert holds or (finding and "not kept" in finding.detail), path
    assert OWN not in "".join(
        git(run.origin, "cat-file", "-p", entry.split()[2]) for entry in pushed.values()
    )
    if kept != base:
        again = Run(folder / "again", run.repository)
        again.clone()
        assert again.facts is not None
        words = (again.workspace, again.private_git, again.facts.base_commit, run.bundle, again.scratch)
        replay_changes(*words)
        assert {path: entry for path, entry in on_disk(again).items() if path in kept} == kept


def above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def on_disk(run: Run) -> dict[str, str]:
    """Mode and object of every file in the workspace, below no ``.git``."""
    found: dict[str, str] = {}
    for path in run.workspace.rglob("*"):
        name = path.relative_to(run.workspace)
        if ".git" not in name.parts and (path.is_symlink() or path.is_file()):
            data = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            words = ["git", "hash-object", "-w", "--stdin"]
            done = subprocess.run(
                words, cwd=run.origin, env=ENVIRONMENT, input=data, capture_output=True, check=True
            )
            mode = "120000" if path.is_symlink() else "100644"
            found[str(name)] = f"{mode} blob {done.stdout.decode().strip()}"
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_aside, "LARGEST_FILE", 5000)
    monkeypatch.setattr(odd_files, "LARGE", 1000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(5))
def test_random_work_is_pushed_kept_or_named(tmp_path: Path, seed: int) -> None:
    look(seed, tmp_path)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("first", range(1060, 1160, 20))
def test_much_random_work_is_pushed_kept_or_named(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        look(seed, tmp_path / str(seed))
