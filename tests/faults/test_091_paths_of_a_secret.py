"""Fault 91: a secret that a server or an agent writes, in any form, broken up in any way, in any pieces,
comes out of none of the paths that text takes through the product."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.random_keys import HIDDEN, KINDS, written

from stepherd.agents.output import Transcript
from stepherd.cli.output import show_error
from stepherd.errors import DataError, StepherdError
from stepherd.events.recording import Recorder
from stepherd.events.text import readable
from stepherd.events.vocabulary import Message, Output
from stepherd.repositories.credentials import Access
from stepherd.repositories.failures import explain
from stepherd.repositories.git import Git
from stepherd.repositories.process import MOST_WORDS
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.prepare import prepare_run
from stepherd.runs.report import write_report
from stepherd.services.redaction import Redactor
from stepherd.services.store.opening import open_store
from stepherd.steps import execution
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.termination import Termination

pytestmark = pytest.mark.exhaustive

Path_ = Callable[[str, bytes, list[int]], str]
"""Gives the text that is shown in the end, for a secret, the text that holds it, and the sizes of pieces."""


def _pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def of_git(secret: str, text: bytes, _sizes: list[int]) -> str:
    """A server's words through git, which begins each line with its own; the error on the command line."""
    lines = text.decode().splitlines()
    said = "".join(f"remote: {line}\n" for line in ["you sent", *lines, "bye"])
    return _shown(explain("Pushing", "host/team", said, (secret,)))


def of_real_git(secret: str, text: bytes, sizes: list[int]) -> str:
    """The words of a program in git's place, in pieces."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "git")
        told = Path(folder, "told")
        told.write_bytes(text)
        program.write_text(
            f"#!{sys.executable}\nimport sys\ndata = open({str(told)!r}, 'rb').read()\n"
            f"for at in range(0, len(data), {sizes[0]}):\n"
            f"    sys.stderr.buffer.write(data[at : at + {sizes[0]}]); sys.stderr.flush()\nsys.exit(1)\n"
        )
        program.chmod(0o700)
        with _environment(PATH=f"{folder}:{os.environ['PATH']}"):
            git = Git(Path(folder), Path(folder, "git.git"), access=Access(secrets=(secret,)))
            with pytest.raises(StepherdError) as caught:
                git.run("Pushing", "push")
    return _shown(caught.value)


def of_an_agent(secret: str, text: bytes, sizes: list[int]) -> str:
    """An agent's or a verify command's output: the transcript, its last lines, the events that a reader makes
    of its lines, and how they are shown."""
    with _folder() as folder:
        redactor = Redactor([secret])
        shown = StringIO()
        recorder = Recorder(
            folder.store, redactor.mask, lambda event: print(*readable(event), sep="\n", file=shown)
        )
        transcript = Transcript.create(_path(folder) / "t.jsonl", redactor)
        lines = [line for piece in _pieces(text, sizes) for line in transcript.take("agent", piece)]
        lines += transcript.end_stream("agent")
        for line in lines:
            recorder.add("agent", Output("out", line))
        recorder.add("agent", Message(text.decode()))
        recorder.close()
        last = "\n".join(transcript.lines)
        transcript.close()
        return "\n".join([shown.getvalue(), last, *lines, _stored(folder)])


def of_a_step(secret: str, text: bytes, _sizes: list[int]) -> str:
    """A step's facts, error, remedy and unexpected fault: its result, its log, the report, what is shown."""
    with _folder() as folder, _environment(SOME_TOKEN=secret):
        prepare = _path(folder).parents[2] / "task.md"
        prepare.write_text("# Do\n")
        prepare_run(
            "run_1",
            {"instructions": str(prepare), "repo": "https://example.com/team/app.git", "command": "true"},
            open_store(str(prepare.parent / "store")),
        )
        out = StringIO()
        with redirect_stderr(out), redirect_stdout(out):
            for number, step in enumerate((_Failing(text.decode()), _Broken(text.decode()))):
                with _module("stepherd.steps.agent", step):
                    execution.run_step("agent", folder, f"{number}.0", Termination(), None)
                failure = {"state": "RunAgent", "error": "x", "cause": "y"}
                report = write_report(folder, "run_1", failure=failure)
                assert report.error is not None
                show_error(DataError(report.error.message, remedy=report.error.remedy), "", as_json=True)
                out.write(_stored(folder))
        return out.getvalue()


class _Failing:
    def __init__(self, text: str) -> None:
        self.text = text

    def work(self, step: StepContext) -> Done:
        verify = {"status": "failed", "last_lines": self.text.splitlines(), "command": self.text}
        verify |= {"exit_code": 1, "seconds": 1.0}
        facts = {"note": self.text, "verify": verify, "agent": {"said": self.text}}
        return Done(facts, DataError(f"It failed: {self.text}", remedy=f"Try {self.text}"))

    def holds(self, *_: object) -> bool:
        return False


class _Broken(_Failing):
    def work(self, step: StepContext) -> Done:
        raise ValueError(self.text)


PATHS: dict[str, Path_] = {"git": of_git, "agent": of_an_agent, "step": of_a_step}


@pytest.mark.parametrize("path", PATHS)
@given(
    st.integers(0, 2**32),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(sorted(written("x"))),
    st.sampled_from(sorted(HIDDEN)),
    st.lists(st.integers(1, 200), min_size=1, max_size=4),
)
# Not shrunk: the arguments say what failed, and an example is a whole step.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
def test_a_secret_comes_out_of_no_path(
    path: str, seed: int, kind: str, form: str, way: str, sizes: list[int]
) -> None:
    secret = KINDS[kind](Random(seed))
    text = written(secret)[form]
    shown = PATHS[path](secret, f"before {HIDDEN[way](text)} after\n".encode(), sizes)
    assert "***" in shown
    assert _left(shown, text) == []


@pytest.mark.parametrize("way", HIDDEN)
def test_nor_out_of_a_program_in_gits_place(way: str) -> None:
    secret = KINDS["bearer token"](Random(7))
    text = written(secret)["url-safe base64"]
    shown = of_real_git(secret, f"fatal: {HIDDEN[way](text)}\n".encode(), [7])
    assert "***" in shown
    assert _left(shown, text) == []


def test_what_is_left_of_very_long_words_of_git_begins_with_no_end_of_a_secret() -> None:
    """Only the first and the last of a program's messages are kept: what is left out may be a part of a
    secret."""
    secret = "".join(f"{number:04x}-" for number in range(180))
    for before in range(MOST_WORDS // 2 - 960, MOST_WORDS // 2 + 60, 120):
        lines = ("x " * 30 + "\n") * (MOST_WORDS // 60)
        text = (
            lines[:before] + secret + lines[: MOST_WORDS // 2 - 300] + secret + lines[: MOST_WORDS // 2 - 400]
        )
        shown = of_real_git(secret, text.encode(), [1 << 17])
        assert not [at for at in range(len(secret) - 10) if secret[at : at + 10] in shown]


def _left(shown: str, text: str) -> list[str]:
    """The parts of ``text`` still readable, ten characters and more; its ends tell of what is around it."""
    middle = text.replace("\0", "").replace("\n", "")[8:-8]
    seen = "".join(shown.replace("\0", "").split())
    read = seen.replace("remote:", "").replace(";", "").replace("\\n", "")
    return [middle[at : at + 10] for at in range(len(middle) - 9) if middle[at : at + 10] in read]


def _shown(error: StepherdError) -> str:
    out = StringIO()
    with redirect_stderr(out), redirect_stdout(out):
        show_error(error, error.remedy, as_json=True)
    return out.getvalue()


def _print(event: Mapping[str, Any], shown: StringIO) -> None:
    print(*readable(event), sep="\n", file=shown)


def _stored(folder: RunFolder) -> str:
    return "\n".join(folder.store.get(info.key).body.decode() for info in folder.store.list())


def _path(folder: RunFolder) -> Path:
    return Path(folder.store.reference.removeprefix("file://"))


@contextmanager
def _folder() -> Iterator[RunFolder]:
    with tempfile.TemporaryDirectory() as root:
        folder = run_folder(open_store(f"{root}/store"), "run_1")
        _path(folder).mkdir(parents=True)
        yield folder


@contextmanager
def _environment(**more: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in more.items():
            patch.setenv(name, value)
        yield


@contextmanager
def _module(name: str, step: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, name, step)
        yield
