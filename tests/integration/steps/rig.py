"""One run under test: steps as processes, a remote in a folder, and a store on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.event_schema import check_events, recorded_events
from tests.users import interpreter, python_path

from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.prepare import prepare_run
from stepherd.runs.result import Result
from stepherd.services.store.opening import open_store

ROOT = Path(__file__).parents[3]


def git(folder: Path, *argv: str) -> str:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *who, *argv], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@dataclass
class Rig:
    """One run under test."""

    root: Path
    run_id: str = "run_1"
    module: str = "stepherd.steps"
    """The module that is run as the step."""
    prefix: tuple[str, ...] = ()
    """The program that runs the step's process, such as ``setpriv``."""
    owner: int | None = None
    """Whose the run's files are, where that is not us; ``prefix`` makes the step that user's."""
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def at(cls, root: Path) -> Iterator[Rig]:
        """A rig whose processes are gone at the end."""
        made = cls(root)
        try:
            yield made
        finally:
            for child in made.running:
                if child.poll() is None:
                    child.kill()
                child.communicate()
            check_events(made.events())

    @classmethod
    @contextmanager
    def for_every_user(cls) -> Iterator[Rig]:
        """A rig with a remote where other users can come: pytest keeps tmp_path from them, as a container's
        /tmp is not kept."""
        root = Path(tempfile.mkdtemp(prefix="stepherd-test-"))
        root.chmod(0o755)
        try:
            with cls.at(root) as made:
                made.make_remote()
                yield made
        finally:
            shutil.rmtree(root)

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def folder(self) -> RunFolder:
        return run_folder(open_store(str(self.root / "store")), self.run_id)

    def make_remote(self, **files: str) -> str:
        """A bare repository with one commit; returns its id."""
        work = self.root / "work"
        work.mkdir()
        git(work, "init", "-q")
        for name, text in {"README.md": "hello\n", **files}.items():
            (work / name).write_text(text)
        git(work, "add", ".")
        git(work, "commit", "-qm", "base")
        git(self.root, "clone", "-q", "--bare", str(work), str(self.remote))
        return git(work, "rev-parse", "HEAD")

    def prepare(self, instructions: str = "# Do a thing\n", **fields: Any) -> None:
        path = self.root / "instructions.md"
        path.write_text(instructions)
        given = {"instructions": str(path), "repo": str(self.remote), **fields}
        prepare_run(self.run_id, given, open_store(str(self.root / "store")))

    def tester(self, script: str, *, name: str = "agent.sh", **fields: Any) -> None:
        """Prepare and clone for the agent ``tester``, which runs ``script``."""
        path = self.root / name
        path.write_text(script)
        self.prepare(agent="tester", command=f"sh {path}", **fields)
        self.steps("clone")

    def environment(self, **more: str) -> dict[str, str]:
        (self.root / "home").mkdir(exist_ok=True)
        (self.root / "tmp").mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONPATH": python_path(),
            "STEPHERD_RUN_FOLDER": self.folder.reference,
            "STEPHERD_ATTEMPT": "0.0",
            **more,
        }

    def start(self, step: str, **environment: str) -> subprocess.Popen[str]:
        variables = self.environment(**environment)
        python = sys.executable
        if self.owner is not None:
            python = interpreter()
            for path in (self.root, *self.root.rglob("*")):
                os.chown(path, self.owner, self.owner, follow_symlinks=False)
        child = subprocess.Popen(
            [*self.prefix, python, "-m", self.module, step],
            env=variables,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(child)
        return child

    def step(self, step: str, **environment: str) -> subprocess.CompletedProcess[str]:
        child = self.start(step, **environment)
        out, err = child.communicate(timeout=90)
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def steps(self, *names: str, **environment: str) -> None:
        for name in names:
            done = self.step(name, **environment)
            assert done.returncode == 0, done.stderr

    def result(self, step: str) -> Result:
        found = self.folder.read_result(step)
        assert found is not None
        return found

    def branches(self) -> dict[str, str]:
        out = git(self.remote, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return dict(line.split() for line in out.splitlines())

    def show(self, rev: str, form: str) -> str:
        return git(self.remote, "log", "-1", f"--format={form}", rev)

    def events(self) -> list[dict[str, Any]]:
        return recorded_events(self.folder)
