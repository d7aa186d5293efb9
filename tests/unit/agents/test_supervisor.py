"""One process within its limits, and nothing of it left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.processes import gone_soon

from stepherd.agents.contract import Evidence, Launch
from stepherd.agents.output import Transcript
from stepherd.agents.supervisor import Limits, StopRequest, supervise
from stepherd.runs.events import Event, Output
from stepherd.services.redaction import Redactor

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: list[str] = []
        self.heard = threading.Event()
        self.stop = StopRequest()
        self.transcript = Transcript.create(folder / "transcript.jsonl", Redactor())
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Output):
            self.shown.append(event.text)
        self.heard.set()

    def run(self, *argv: str, limits: Limits | None = None) -> Evidence:
        return supervise(
            Launch(argv),
            name="agent",
            environment=ENVIRONMENT,
            folder=self.folder,
            limits=limits or Limits(30, 20, 0.3, 0.3),
            transcript=self.transcript,
            stop=self.stop,
            tell=self.tell,
        )

    def python(self, code: str, limits: Limits | None = None) -> Evidence:
        return self.run(sys.executable, "-c", code, limits=limits)

    def once_it_speaks(self, act: Callable[[], object]) -> None:
        threading.Thread(target=lambda: self.heard.wait(20) and act(), daemon=True).start()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.transcript.close()
    made.stop.close()


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 139, 143])
def test_the_exit_code_is_the_programs(bench: Bench, code: int) -> None:
    evidence = bench.run("sh", "-c", f"echo out; echo err >&2; exit {code}")
    assert (evidence.ending, evidence.exit_code) == ("exited", code)
    assert sorted(evidence.last_lines) == ["err", "out"]


def test_a_signal_gives_128_and_its_number(bench: Bench) -> None:
    assert bench.run("sh", "-c", "kill -KILL $$").exit_code == 137


def test_a_program_that_is_not_there_is_evidence(bench: Bench) -> None:
    evidence = bench.run("no-such-program-at-all")
    assert (evidence.ending, evidence.exit_code) == ("not_started", 127)
    assert "no-such-program-at-all" in evidence.last_lines[0]


def test_a_program_that_cannot_be_executed_is_evidence(bench: Bench) -> None:
    script = bench.folder / "script"
    script.write_text("#!/nowhere/sh\n")
    assert bench.run(str(script)).exit_code == 126


def test_it_gets_the_environment_given_and_nothing_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "secret")
    bench.run("env")
    names = {line.partition("=")[0] for line in bench.shown}
    assert names - {"PWD", "SHLVL", "_"} == {"PATH", "LANG"}


def test_it_has_no_input_and_no_terminal(bench: Bench) -> None:
    evidence = bench.python("import sys, os; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())")
    assert evidence.last_lines == ("'' True",)


def test_the_deadline_begins_with_sigint(bench: Bench) -> None:
    evidence = bench.python(
        "import time\ntry:\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('tidy', flush=True)",
        Limits(1.0, None, 10.0, 10.0),
    )
    assert (evidence.ending, evidence.exit_code, evidence.limit_seconds) == ("deadline", 0, 1.0)
    assert evidence.last_lines == ("tidy",)
    assert evidence.seconds < 5


def test_then_sigterm_then_sigkill(bench: Bench) -> None:
    deaf = "import signal, time\nfor n in (2, {also}): signal.signal(n, lambda n, f: print(n, flush=True))\n"
    wait = "print('up', flush=True)\nend = time.monotonic() + 60\nwhile time.monotonic() < end: time.sleep(1)"
    evidence = bench.python(deaf.format(also=15) + wait, Limits(1.0, None, 0.3, 0.3))
    assert evidence.exit_code == 128 + signal.SIGKILL
    assert evidence.last_lines == ("up", "2", "15")
    assert evidence.seconds < 5


def test_silence_has_a_limit_of_its_own(bench: Bench) -> None:
    evidence = bench.run("sh", "-c", "echo once; exec sleep 60", limits=Limits(30, 0.5, 0.3, 0.3))
    assert (evidence.ending, evidence.limit_seconds) == ("silence", 0.5)


def test_a_process_that_speaks_is_not_silent(bench: Bench) -> None:
    evidence = bench.run(
        "sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done", limits=Limits(30, 1.2)
    )
    assert evidence.ending == "exited"


def test_a_stop_interrupts_it_at_once(bench: Bench) -> None:
    bench.once_it_speaks(bench.stop.ask)
    started = time.monotonic()
    evidence = bench.run("sh", "-c", "echo up; exec sleep 60", limits=Limits(60, None, 20, 20))
    assert (evidence.ending, evidence.exit_code) == ("interrupted", 128 + signal.SIGINT)
    assert time.monotonic() - started < 10


def test_what_it_left_in_the_background_is_ended_with_it(bench: Bench) -> None:
    evidence = bench.run("sh", "-c", "sleep 300 & echo $!; sleep 300 & echo $!")
    assert evidence.ending == "exited"
    assert evidence.seconds < 10, "a grandchild that holds the pipe must not be waited for"
    assert all(gone_soon(int(line)) for line in evidence.last_lines)


def test_a_whole_tree_that_ignores_signals_is_killed(bench: Bench) -> None:
    deaf = bench.folder / "deaf.sh"
    deaf.write_text("trap '' INT TERM\necho $$\nsleep 300\nsleep 300\n")
    tree = f"trap '' INT TERM; sh {deaf} & sh {deaf}; wait"
    evidence = bench.run("sh", "-c", tree, limits=Limits(1.0, None, 0.3, 0.3))
    assert evidence.exit_code == 137
    assert all(gone_soon(int(line)) for line in evidence.last_lines)


def test_no_zombie_is_left(bench: Bench) -> None:
    bench.run("sh", "-c", "sleep 300 & sleep 300 & exit 0")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_an_error_of_the_supervisor_leaves_no_process(bench: Bench) -> None:
    def explode(event: Event) -> None:
        assert isinstance(event, Output)
        bench.shown.append(event.text)
        raise RuntimeError("disk full")

    bench.tell = explode  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="disk full"):
        bench.run("sh", "-c", "echo $$; exec sleep 300")
    assert gone_soon(int(bench.shown[0]))
