"""Command lines without a shell, and agents by name."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepherd.agents.command_line import shell_line, split_command
from stepherd.agents.contract import AgentContext, Evidence
from stepherd.agents.registry import agent_names, get_agent
from stepherd.errors import UsageError
from stepherd.remedies import RUN, commands_in


def test_words_are_split_as_a_shell_does_and_nothing_is_expanded() -> None:
    assert split_command("sh -c 'echo \"$HOME\"; x' $X *", "--command") == (
        "sh",
        "-c",
        'echo "$HOME"; x',
        "$X",
        "*",
    )


@pytest.mark.parametrize("text", ["", "  ", "''", "sh 'x", "a\0b", "x\\"])
def test_what_is_no_command_line_is_refused_with_the_flag(text: str) -> None:
    with pytest.raises(UsageError, match=r"--verify cannot be split"):
        split_command(text, "--verify")


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("echo x > f", ">"),
        ("echo x >f", ">"),
        ("make 2>&1", "2>"),
        ("sort < names", "<"),
        ("a && b", "&&"),
        ("a || b", "||"),
        ("a | b", "|"),
        ("server &", "&"),
        ("a; b", ";"),
        ("'a b' ; b", ";"),
    ],
)
def test_what_only_a_shell_would_do_is_refused_with_the_way_to_have_one(text: str, operator: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_command(text, "--command")
    assert f"has '{operator}'" in caught.value.message
    assert "sh -c" in caught.value.remedy
    # The way that is offered is one: its words are the shell's.
    offered = caught.value.remedy.partition('"')[2].rpartition('"')[0]
    assert split_command(offered, "--command") == ("sh", "-c", text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("find . -exec rm {} \\;", ("find", ".", "-exec", "rm", "{}", ";")),
        ("echo '>' \"a && b\" \\| x", ("echo", ">", "a && b", "|", "x")),
        ("get http://host/?a=1&b=2;c <", None),
        ("get http://host/?a=1&b=2;c", ("get", "http://host/?a=1&b=2;c")),
        ("show --as=<name> a->b x>y", ("show", "--as=<name>", "a->b", "x>y")),
    ],
)
def test_what_is_quoted_or_within_a_word_is_an_argument(text: str, words: tuple[str, ...] | None) -> None:
    if words is None:
        with pytest.raises(UsageError, match="no shell reads it"):
            split_command(text, "--command")
    else:
        assert split_command(text, "--command") == words


@pytest.mark.parametrize("name", ["apply", "command"])
def test_an_agent_without_a_model_is_judged_by_its_exit_code(name: str, tmp_path: Path) -> None:
    agent = get_agent(name)
    command = "true" if name == "command" else None
    agent.check(command)
    launch = agent.plan(AgentContext("run_1", tmp_path, tmp_path, command))
    assert agent.name == name
    assert launch.argv
    assert agent.judge(Evidence("exited", 0, 1.0)).status == "succeeded"
    assert agent.judge(Evidence("exited", 1, 1.0)).status == "failed"
    assert agent.judge(Evidence("interrupted", 0, 1.0)).status == "interrupted"


@pytest.mark.parametrize("name", agent_names())
def test_whatever_an_agent_says_a_signal_of_ours_decides(name: str) -> None:
    agent = get_agent(name)
    assert agent.name == name
    assert agent.judge(Evidence("interrupted", 0, 1.0)).status == "interrupted"
    assert agent.judge(Evidence("deadline", 0, 1.0, limit_seconds=1)).status == "failed"
    limited = agent.judge(Evidence("cost", 0, 1.0)).error
    assert limited is not None
    assert commands_in(limited.remedy) == (("redrive", RUN, "--max-cost", "MORE"),)


def test_instructions_that_cannot_be_applied_need_a_new_run() -> None:
    outcome = get_agent("apply").judge(Evidence("exited", 65, 1.0, ("There is nothing to apply.",)))
    assert outcome.error is not None
    assert "Its last words: There is nothing to apply." in outcome.error.message
    assert commands_in(outcome.error.remedy) == (("run",),)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence("exited", 3, 1.0, ("a", "b", "c", "boom")), "exit code 3. Its last words: b | c | boom"),
        (Evidence("exited", 137, 1.0), "because memory ran out"),
        (Evidence("exited", 143, 1.0, ("bye",)), "code 143 (as after SIGTERM). Its last words: bye"),
        (Evidence("exited", 255, 1.0), "exit code 255."),
        (Evidence("not_started", 127, 0.0, ("x: No such file",)), "exit code 127"),
        (Evidence("not_started", 126, 0.0), "chmod +x"),
        (Evidence("deadline", 0, 60.0, limit_seconds=60), "stopped at its time limit of 60 s"),
        (Evidence("silence", 143, 60.0, limit_seconds=30), "printed nothing for 30 s"),
    ],
)
def test_a_failure_says_what_happened_and_what_to_do(evidence: Evidence, words: str) -> None:
    outcome = get_agent("command").judge(evidence)
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert words in str(outcome.error)
    assert outcome.error.remedy


def test_exit_code_zero_after_a_limit_is_no_success() -> None:
    assert get_agent("command").judge(Evidence("deadline", 0, 60.0, limit_seconds=60)).status == "failed"


def test_an_unknown_agent_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="The agents are apply, claude, codex, command, kiro, opencode, q"):
        get_agent("nobody")


QUOTES = ("'", '"', "\\", "'a b'", '"a b"', '"$X"', "'$X'", "\\ ", "\\\n")
OF_SHELLS = (*"$`*?[]~#!|&;<>()\n", "{a,b}", "a=b", "cd", ".", "$HOME", "~/x", "a*", "exit", "if")
PIECES = st.sampled_from([*"abx1 \t-_=./:,@%+^", "  ", *QUOTES, *OF_SHELLS])


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=8).map("".join))
def test_a_line_that_is_given_to_no_shell_has_the_words_that_a_shell_would_make(text: str) -> None:
    """By sh itself, in a folder whose files every pattern above would find."""
    if shell_line(text) != text:
        assert split_command(shell_line(text), "--command") == ("sh", "-c", text)
        return
    try:
        words = shlex.split(text)
    except ValueError:
        return  # It is refused with its reason, as ever.
    if not words or not words[0]:
        return
    shown = f"printf '%s\\0' {text}"
    environment = {"PATH": os.environ["PATH"], "HOME": "/home/x", "X": "value"}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a", "ab", "x", "1"):
            Path(folder, name).touch()
        made = subprocess.run(
            ["sh", "-c", shown], cwd=folder, env=environment, capture_output=True, check=True
        )
    assert made.stdout.decode().split("\0")[:-1] == words


@pytest.mark.parametrize(
    "text",
    ["make a && make b", "echo x > y", "echo $HOME", "A=1 make", "cd sub", "ls *.py", 'echo "$X"', ": > x",
     "exit 3", "ls ~", "make a\nmake b"],
)  # fmt: skip
def test_what_a_shell_reads_is_given_to_one(text: str) -> None:
    assert split_command(shell_line(text), "--command") == ("sh", "-c", text)


@pytest.mark.parametrize(
    "text", ["make", "./agent 'a b' \"c d\"", "sh -c 'echo $X > y'", "pytest -q tests/unit", "a --b=c"]
)
def test_what_needs_no_shell_has_none(text: str) -> None:
    assert shell_line(text) == text
