"""--env, --env-file and --secret as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.cli.variable_options import env_of, secrets_of
from stepherd.errors import UsageError

NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}\Z")
VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)


@given(st.dictionaries(NAMES, VALUES))
def test_each_variable_arrives_as_it_was_given(wanted: dict[str, str]) -> None:
    assert env_of([f"{name}={value}" for name, value in wanted.items()], []) == wanted


@given(st.dictionaries(NAMES, VALUES.map(str.strip)), st.sampled_from(["", "export "]))
def test_a_file_s_lines_are_those_of_the_command_line(wanted: dict[str, str], before: str) -> None:
    lines = [f"{before}{name}='{value}'" for name, value in wanted.items()]
    path = Path("/dev/shm/stepherd-variables.env") if Path("/dev/shm").is_dir() else Path("variables.env")
    path.write_text("\n".join(["# comment", "", *lines]), "utf-8")
    try:
        assert env_of([], [str(path)]) == wanted
    finally:
        path.unlink()


def test_the_command_line_wins_over_files_and_a_later_file_over_an_earlier(tmp_path: Path) -> None:
    for name, text in (("a", 'A=1\nB="1 1"\nC=1\n'), ("b", "B=2\r\nC=2\r\n")):
        (tmp_path / name).write_text(text)
    found = env_of(["C=3"], [str(tmp_path / "a"), str(tmp_path / "b")])
    assert found == {"A": "1", "B": "2", "C": "3"}


def test_a_name_alone_is_the_variable_that_is_set_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "value=with=equals")
    monkeypatch.delenv("AWAY", raising=False)
    assert env_of(["HERE"], []) == {"HERE": "value=with=equals"}
    with pytest.raises(UsageError, match="--env AWAY: no variable of this name is set here"):
        env_of(["AWAY"], [])


@pytest.mark.parametrize("text", ["", "=x", "1A=x", "A B=x", "A-B=secretvalue", "ä=x"])
def test_what_is_no_name_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(UsageError, match="the name of a variable") as refused:
        env_of([text], [])
    assert "secretvalue" not in str(refused.value)
    with pytest.raises(UsageError, match="the name of a variable"):
        secrets_of([text])


def test_a_secret_is_named_by_a_reference_or_is_the_variable_of_its_name() -> None:
    assert secrets_of(["A", "B=file:b", "C=id/of=it"]) == {"A": "env:A", "B": "file:b", "C": "id/of=it"}
    with pytest.raises(UsageError, match="names no secret"):
        secrets_of(["A="])


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"A=\xff\n", "is not UTF-8"), (b"A=" + b"x" * 300_000, "more than 262,144")],
)
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        env_of([], [str(path)])


def test_the_line_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\nnot a variable=2\n")
    with pytest.raises(UsageError, match=r"Line 2 of .*env has 'not a variable' where"):
        env_of([], [str(tmp_path / "env")])


def test_a_quoted_value_may_have_several_lines(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\nexport B=\"one\n  two = 2\n# three\n\"\r\nC='\nx'\nD=it's\nE=\"\n")
    with pytest.raises(UsageError, match=r"Line 9 of .*env begins a quotation that does not end"):
        env_of([], [str(tmp_path / "env")])
    (tmp_path / "env").write_text((tmp_path / "env").read_text().removesuffix('E="\n'))
    assert env_of([], [str(tmp_path / "env")]) == {
        "A": "1",
        "B": "one\n  two = 2\n# three\n",
        "C": "\nx",
        "D": "it's",
    }


@given(
    st.dictionaries(
        NAMES, st.lists(VALUES.map(lambda text: text.replace("'", "")), min_size=2).map("\n".join)
    )
)
def test_values_of_several_lines_arrive_as_they_stand(wanted: dict[str, str]) -> None:
    path = Path("/dev/shm/stepherd-lines.env") if Path("/dev/shm").is_dir() else Path("lines.env")
    path.write_text("\n".join(f"{name}='{value}'" for name, value in wanted.items()), "utf-8")
    try:
        assert env_of([], [str(path)]) == wanted
    finally:
        path.unlink()
