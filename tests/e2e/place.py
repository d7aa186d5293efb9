"""Where a pipeline is tried: a home, a remote, and the command line as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.aftermath import end_all, no_process_left
from tests.event_schema import check_all_events
from tests.integration.repositories.origin import Origin, git

from stepherd.runs.folder import RunFolder, run_folder
from stepherd.services.store.opening import open_store

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
"""For one command of the command line; they take one or two."""


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON value that it is."""
        return json.loads(self.out)

    def ok(self) -> Done:
        """Itself, when the exit code is 0."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass
class Place:
    """Everything lies below ``root``, so that what is left behind can be found by that name."""

    root: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """All that the command line printed."""

    @classmethod
    @contextmanager
    def at(cls, root: Path) -> Iterator[Place]:
        """A place whose processes are gone at the end; those that should have been are an error."""
        for name in ("user", "tmp"):
            (root / name).mkdir(parents=True)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {
            "PATH": path,
            "HOME": str(root / "user"),
            "TMPDIR": str(root / "tmp"),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "STEPHERD_HOME": str(root / "home"),
            "STEPHERD_RUNNER": "process",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        place = cls(root, environment)
        try:
            yield place
            check_all_events(place.home)
            no_process_left(root, {child.pid for child in place.started if child.poll() is None})
        finally:
            for child in place.started:
                if child.poll() is None:
                    child.kill()
                child.communicate()
            end_all(root)

    # -- what is given -----------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """Stepherd's own folder."""
        return self.root / "home"

    @property
    def origin(self) -> Origin:
        """The remote, made when first asked for."""
        if not (self.root / "remote").exists():
            return Origin.create(self.root / "remote")
        return Origin(self.root / "remote")

    def instructions(self, text: str = "# Do the work\n", name: str = "instructions.md") -> Path:
        """A file with instructions."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def script(self, text: str, name: str = "agent.sh") -> str:
        """A command line that runs a shell script."""
        path = self.root / name
        path.write_text(f"set -e\n{text}\n", encoding="utf-8")
        return f"sh {path}"

    # -- the command line --------------------------------------------------------------------------

    def start(
        self,
        *argv: str,
        module: str = "stepherd.cli",
        cwd: Path | None = None,
        before_exec: Callable[[], None] | None = None,
        **environment: Any,
    ) -> subprocess.Popen[bytes]:
        """Start ``stepherd *argv``; ``environment`` comes on top of the place's own."""
        child = subprocess.Popen(
            [sys.executable, "-m", module, *argv],
            env={**self.environment, **environment},
            cwd=cwd or self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=before_exec,
        )
        self.started.append(child)
        return child

    def end_of(self, child: subprocess.Popen[bytes]) -> Done:
        """Wait for a command that was started."""
        out, err = child.communicate(timeout=PATIENCE_SECONDS)
        done = Done(child.returncode, out.decode(), err.decode())
        self.said += [done.out, done.err]
        return done

    def cli(
        self, *argv: str, module: str = "stepherd.cli", cwd: Path | None = None, **environment: Any
    ) -> Done:
        """Run ``stepherd *argv`` to its end."""
        return self.end_of(self.start(*argv, module=module, cwd=cwd, **environment))

    def run_words(self, command: str | None, *more: str, name: str = "run_1") -> list[str]:
        """The words of ``stepherd run`` on the remote, with the agent ``command`` unless it is None."""
        words = ["run", "--json", "--name", name]
        if "--repo" not in more:
            words += ["--repo", str(self.origin.bare)]
        if "--instructions" not in more:
            words += ["--instructions", str(self.instructions())]
        if command is not None:
            words += ["--command", command]
        return [*words, *more]

    def run(self, command: str | None, *more: str, name: str = "run_1", **environment: Any) -> Done:
        """``stepherd run`` to its end."""
        return self.cli(*self.run_words(command, *more, name=name), **environment)

    # -- what is there afterwards ------------------------------------------------------------------

    def folder(self, run_id: str = "run_1") -> RunFolder:
        """The run folder."""
        return run_folder(open_store(str(self.home / "store")), run_id)

    def history(self, run_id: str = "run_1") -> list[dict[str, Any]]:
        """The run's events."""
        events: list[dict[str, Any]] = self.cli("history", run_id).ok().json["events"]
        return events

    def status(self, run_id: str = "run_1") -> dict[str, Any]:
        """The object that ``status --json`` prints."""
        fields: dict[str, Any] = self.cli("status", run_id, "--json").ok().json
        return fields

    def lines(self, name: str) -> list[str]:
        """The lines of a file that an agent appends to; none when it is not there."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []


def new_commits(origin: Origin, before: Mapping[str, str]) -> dict[str, list[str]]:
    """The branches that are new since ``before``, each with the subjects of its commits above main."""
    now = origin.refs()
    assert {ref: now.get(ref) for ref in before} == dict(before), "a ref that was there has moved"
    return {
        ref: git(origin.bare, "log", "--format=%s", f"refs/heads/main..{ref}").splitlines()
        for ref in now
        if ref not in before
    }
