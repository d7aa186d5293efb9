"""One process within its limits, and nothing of it left behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.processes import HeldFile

from stepherd.agents.contract import BasicReader, Evidence, Launch, Reader, Stream
from stepherd.agents.output import Transcript
from stepherd.agents.supervisor import Limits, StopRequest, supervise
from stepherd.events.vocabulary import Event, Limit, Output
from stepherd.processes.launcher import ProcessLauncher
from stepherd.processes.reservations import Cancelled
from stepherd.processes.tree import Command, Launcher, Tree
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
        self.launcher: Launcher = ProcessLauncher(None, self.stop.pause)

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Output):
            self.shown.append(event.text)
        self.heard.set()

    def run(
        self,
        *argv: str,
        limits: Limits | None = None,
        reader: Reader | None = None,
        stdin: bytes | None = None,
    ) -> Evidence:
        return supervise(
            Launch(argv, stdin=stdin if stdin is not None or reader is None else b""),
            name="agent",
            environment=ENVIRONMENT,
            folder=self.folder,
            limits=limits or Limits(30, 20, 0.3, 0.3),
            transcript=self.transcript,
            stop=self.stop,
            launcher=self.launcher,
            reader=reader,
            tell=self.tell,
        )

    def python(
        self,
        code: str,
        limits: Limits | None = None,
        reader: Reader | None = None,
        stdin: bytes | None = None,
    ) -> Evidence:
        return self.run(sys.executable, "-c", code, limits=limits, reader=reader, stdin=stdin)

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
        Limits(2.0, None, 30.0, 30.0),
    )
    assert (evidence.ending, evidence.exit_code, evidence.limit_seconds) == ("deadline", 0, 2.0)
    assert evidence.last_lines == ("tidy",)
    assert evidence.seconds < 20


def test_then_sigterm_then_sigkill(bench: Bench) -> None:
    deaf = "import signal, time\nfor n in (2, {also}): signal.signal(n, lambda n, f: print(n, flush=True))\n"
    wait = "print('up', flush=True)\nend = time.monotonic() + 60\nwhile time.monotonic() < end: time.sleep(1)"
    evidence = bench.python(deaf.format(also=15) + wait, Limits(2.0, None, 0.3, 0.3))
    assert evidence.exit_code == 128 + signal.SIGKILL
    assert evidence.last_lines == ("up", "2", "15")
    assert evidence.seconds < 20


def test_silence_has_a_limit_of_its_own(bench: Bench) -> None:
    evidence = bench.run("sh", "-c", "echo once; exec sleep 60", limits=Limits(30, 0.5, 0.3, 0.3))
    assert (evidence.ending, evidence.limit_seconds) == ("silence", 0.5)


def test_a_process_that_speaks_is_not_silent(bench: Bench) -> None:
    evidence = bench.run(
        "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done", limits=Limits(30, 3)
    )
    assert evidence.ending == "exited"


def test_a_stop_interrupts_it_at_once(bench: Bench) -> None:
    bench.once_it_speaks(bench.stop.ask)
    started = time.monotonic()
    evidence = bench.run("sh", "-c", "echo up; exec sleep 60", limits=Limits(60, None, 20, 20))
    assert (evidence.ending, evidence.exit_code) == ("interrupted", 128 + signal.SIGINT)
    assert time.monotonic() - started < 10


def test_what_it_left_in_the_background_is_ended_with_it(bench: Bench) -> None:
    held = HeldFile(bench.folder / "held")
    evidence = bench.python(held.hold() + "os.system('sleep 300 & sleep 300 & :')")
    assert evidence.ending == "exited"
    assert evidence.seconds < 10, "a grandchild that holds the pipe must not be waited for"
    assert not held.is_held()


def test_a_whole_tree_that_ignores_signals_is_killed(bench: Bench) -> None:
    held = HeldFile(bench.folder / "held")
    deaf = bench.folder / "deaf.sh"
    deaf.write_text("trap '' INT TERM\nsleep 300\nsleep 300\n")
    tree = f"trap '' INT TERM; sh {deaf} & sh {deaf}; wait"
    start = f"os.execvp('sh', ['sh', '-c', {tree!r}])"
    evidence = bench.python(held.hold() + start, limits=Limits(1.0, None, 0.3, 0.3))
    assert evidence.exit_code == 137
    assert not held.is_held()


def test_a_stop_while_another_run_has_the_agent_s_user_is_an_interruption(bench: Bench) -> None:
    class Waiting:
        def start(self, command: Command) -> Tree:
            raise Cancelled

    bench.launcher = Waiting()
    evidence = bench.run("true")
    assert (evidence.ending, evidence.exit_code, evidence.proof) == ("interrupted", None, None)


def test_no_zombie_is_left(bench: Bench) -> None:
    before = _children()
    bench.run("sh", "-c", "sleep 300 & sleep 300 & exit 0")
    assert _children() - before == set()


def _children() -> set[int]:
    """This process's children, zombies included; other tests' servers may be among them."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True
    )
    rows = (line.split(None, 2) for line in listing.stdout.splitlines())
    return {int(pid) for pid, parent, name in rows if int(parent) == os.getpid() and name != "ps"}


def test_an_error_of_the_supervisor_leaves_no_process(bench: Bench) -> None:
    def explode(event: Event) -> None:
        assert isinstance(event, Output)
        bench.shown.append(event.text)
        raise RuntimeError("disk full")

    held = HeldFile(bench.folder / "held")
    bench.tell = explode  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="disk full"):
        bench.python(held.hold() + "print('up', flush=True); os.execvp('sleep', ['sleep', '300'])")
    assert bench.shown == ["up"]
    assert not held.is_held()


class Told(BasicReader):
    """Understands a few words, and takes notices as lines."""

    takes_notices = True

    def __init__(self, *, notices: bool = True) -> None:
        self.takes_notices = notices

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        word, _, value = line.partition(" ")
        if word == "turn":
            self.turns += 1
        elif word == "cost":
            self.cost_usd = float(value)
        elif word == "done":
            self.done = True
        elif word == "stumble":
            raise ValueError(f"what is {value}?")
        return (Output(stream, line),)

    def notice(self, text: str) -> bytes | None:
        return f"{text}\n".encode() if self.takes_notices else None

    def facts(self) -> Mapping[str, Any]:
        return {"turns": self.turns}


def _limits(bench: Bench) -> list[tuple[str, bool]]:
    return [(event.name, event.reached) for event in bench.events if isinstance(event, Limit)]


SPEAK = "import sys, time\ndef say(*words): print(*words, flush=True)\n"


def test_a_limit_that_the_request_set_counts_also_while_a_child_works(bench: Bench) -> None:
    evidence = bench.run("sh", "-c", "sleep 60; true", limits=Limits(30, 0.5, 0.3, 0.3))
    assert (evidence.ending, evidence.limit_seconds) == ("silence", 0.5)
    assert _limits(bench) == [("silence", True)]


def test_by_default_a_busy_child_is_no_silence_and_its_end_is_the_beginning_of_one(bench: Bench) -> None:
    started = time.monotonic()
    evidence = bench.python(
        "import subprocess, time\nsubprocess.run(['sleep', '3'])\ntime.sleep(60)",
        Limits(30, 1.5, 0.3, 0.3, children_break_silence=True),
    )
    assert evidence.ending == "silence"
    assert time.monotonic() - started > 4


def test_a_zombie_is_no_busy_child(bench: Bench) -> None:
    evidence = bench.python(
        "import subprocess, time\np = subprocess.Popen(['true'])\ntime.sleep(60)",
        Limits(30, 0.8, 0.3, 0.3, children_break_silence=True),
    )
    assert evidence.ending == "silence"
    assert evidence.seconds < 5


def test_more_turns_than_allowed_end_it(bench: Bench) -> None:
    evidence = bench.python(
        SPEAK + "say('turn'); say('turn'); say('turn'); time.sleep(60)",
        Limits(30, None, 0.3, 0.3, turns=2),
        Told(),
    )
    assert evidence.ending == "turns"
    assert evidence.facts == {"turns": 3}
    assert _limits(bench) == [("turns", True)]


def test_as_many_turns_as_allowed_do_not(bench: Bench) -> None:
    limits = Limits(30, None, 0.3, 0.3, turns=2)
    evidence = bench.python(SPEAK + "say('turn'); say('turn'); time.sleep(0.6)", limits, Told())
    assert evidence.ending == "exited"


def test_more_cost_than_allowed_ends_it(bench: Bench) -> None:
    evidence = bench.python(
        SPEAK + "say('cost 0.6'); time.sleep(60)", Limits(30, None, 0.3, 0.3, cost_usd=0.5), Told()
    )
    assert evidence.ending == "cost"


def test_who_said_that_it_is_done_has_a_grace_time_and_is_then_ended(bench: Bench) -> None:
    limits = Limits(30, None, 0.3, 0.3, linger_seconds=0.5, turns=0)
    evidence = bench.python(SPEAK + "say('turn'); say('done'); time.sleep(60)", limits, Told())
    assert evidence.ending in {"lingered", "turns"}
    evidence = bench.python(SPEAK + "say('done'); say('turn'); time.sleep(60)", limits, Told())
    assert (evidence.ending, evidence.exit_code) == ("lingered", 130)
    assert 0.4 < evidence.seconds < 5


def test_who_is_done_and_ends_in_time_has_ended_by_itself(bench: Bench) -> None:
    limits = Limits(2, None, 0.3, 0.3, linger_seconds=10)
    evidence = bench.python(SPEAK + "say('done'); time.sleep(2.5)", limits, Told())
    assert (evidence.ending, evidence.exit_code) == ("exited", 0), "nor does its time limit end it any more"


def test_a_notice_comes_before_the_limit_and_reaches_who_listens(bench: Bench) -> None:
    evidence = bench.python(
        SPEAK + "line = sys.stdin.readline(); say('heard', line); say('done'); say(repr(sys.stdin.read()))",
        Limits(5, None, 0.3, 0.3, notice_share=0.1),
        Told(),
    )
    assert (evidence.ending, evidence.exit_code) == ("exited", 0)
    assert _limits(bench) == [("time", False)]
    assert "heard 0 of 5 seconds are used" in evidence.last_lines[0] or "1 of 5" in evidence.last_lines[0]
    assert evidence.last_lines[-1] == "''", "stdin is closed once it is done"


def test_who_does_not_listen_has_no_stdin_to_wait_for(bench: Bench) -> None:
    evidence = bench.python(
        SPEAK + "say(repr(sys.stdin.read())); say('turn'); say('turn'); time.sleep(0.5)",
        Limits(30, None, 0.3, 0.3, turns=2, notice_share=0.8),
        Told(notices=False),
        stdin=b"the prompt",
    )
    assert evidence.last_lines[0] == "'the prompt'"
    assert _limits(bench) == [("turns", False)], "said once, and only to who follows the run"


def test_a_large_prompt_goes_to_who_reads_slowly(bench: Bench) -> None:
    prompt = os.urandom(3_000_000)
    evidence = bench.python(
        SPEAK + "import hashlib\nd = b''\nwhile c := sys.stdin.buffer.read1(70000):\n  d += c\n"
        "say(hashlib.sha256(d).hexdigest())",
        stdin=prompt,
    )
    assert evidence.last_lines == (hashlib.sha256(prompt).hexdigest(),)


@pytest.mark.parametrize("code", ["", "import sys, os; os.close(0); print('x' * 200000)", "print('y')"])
def test_who_reads_nothing_of_a_large_prompt_can_end_and_speak(bench: Bench, code: str) -> None:
    evidence = bench.python(code, stdin=b"z" * 3_000_000)
    assert (evidence.ending, evidence.exit_code) == ("exited", 0)


@pytest.mark.parametrize("read", ["", "import os; os.read(0, 5000); "], ids=["nothing", "a little"])
def test_who_does_not_read_on_is_still_watched(bench: Bench, read: str) -> None:
    code = f"{read}import time; time.sleep(20)"
    evidence = bench.python(code, Limits(0.8, None, 0.3, 0.3), stdin=b"z" * 3_000_000)
    assert evidence.ending == "deadline"
    assert evidence.seconds < 5


def test_a_reader_that_stumbles_is_evidence_and_the_rest_is_output(bench: Bench) -> None:
    evidence = bench.python(
        SPEAK + "say('turn'); say('stumble here'); say('after'); say(repr(sys.stdin.read()))",
        reader=Told(),
        stdin=b"",
    )
    assert (evidence.ending, evidence.exit_code) == ("exited", 0)
    assert evidence.reader_error == "ValueError('what is here?')"
    assert bench.shown == ["turn", "stumble here", "after", "''"]


def test_a_reader_that_needs_all_gets_lines_that_nobody_keeps(bench: Bench) -> None:
    reader = Told()
    evidence = bench.python(
        SPEAK + "sys.stdout.write(('x' * 90 + chr(10)) * 80000); say(); say('turn')", reader=reader
    )
    assert evidence.facts == {"turns": 1}
    assert bench.transcript.truncated
    records = (bench.folder / "transcript.jsonl").read_text().splitlines()
    assert len(records) < 40_000
    assert json.loads(records[-1])["text"] == "turn"
    assert sum("left_out" in record for record in map(json.loads, records)) == 1


def test_a_line_of_a_megabyte_reaches_its_reader_whole(bench: Bench) -> None:
    bench.python(SPEAK + "say('z' * 1_000_000)", reader=Told())
    assert bench.shown == ["z" * 1_000_000]


def test_secrets_are_masked_before_anyone_hears_them(bench: Bench) -> None:
    bench.transcript.redactor = Redactor(["cAn4ry-0123456789"])
    evidence = bench.python(
        SPEAK + "sys.stdout.write('a cAn4ry-01'); sys.stdout.flush(); time.sleep(0.3); say('23456789 b')"
    )
    assert bench.shown == ["a *** b"]
    assert evidence.last_lines == ("a *** b",)
    assert "cAn4ry" not in (bench.folder / "transcript.jsonl").read_text()
