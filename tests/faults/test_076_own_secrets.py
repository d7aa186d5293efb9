"""Fault 76 for what no pattern can tell: the secrets that the run itself holds are pushed nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.repositories.origin import Origin, Run, git
from tests.random_keys import HIDDEN, KINDS, written

from stepherd.errors import UsageError
from stepherd.repositories import known_secrets, scan
from stepherd.repositories.changes import Changes
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.scan import ChangesBlocked

KEY = "gw/7hQz+Wm2Lp9Xc4Vb8Nt1Rs6Jd3Fk5"
OF_RUN = "it holds a secret of this run"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin", {"README.md": "1\n2\n3\n"}).repository)
    run.clone()
    return run


def record(run: Run, **more: object) -> Changes:
    return run.record(**{"known_secrets": (KEY,), **more})


def blocked(run: Run) -> list[tuple[str, int | None, str]]:
    with pytest.raises(ChangesBlocked) as caught:
        record(run)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.findings)
    return [(found.path, found.line, found.detail) for found in caught.value.findings]


@pytest.mark.parametrize("form", written(KEY))
def test_a_key_of_no_known_shape_is_found_in_every_form(run: Run, form: str) -> None:
    text = written(KEY)[form]
    for number, broken in enumerate(HIDDEN.values()):
        run.write({f"debug-{number}.txt": f"one\n{broken(text)}\nlast\n"})
    found = {path for path, _, _ in blocked(run)}
    assert found == {f"debug-{number}.txt" for number in range(len(HIDDEN))}


def test_the_line_where_it_begins_is_named(run: Run) -> None:
    run.write({"a b.txt": f"1\n2\n{KEY}\n", "README.md": f"1\n2\n{KEY[:9]}\n{KEY[9:]}\n3\n"})
    assert blocked(run) == [("README.md", 3, OF_RUN), ("a b.txt", 3, OF_RUN)]


def test_binary_files_and_those_in_utf_16_are_read_too(run: Run) -> None:
    (run.workspace / "a.bin").write_bytes(b"\0\1\2" * 500 + KEY.encode() + b"\xff\xfe" * 500)
    (run.workspace / "b.txt").write_bytes(f"the\nkey {KEY}\n".encode("utf-16"))
    (run.workspace / "c.txt").write_bytes(("token ghp_" + "Zx9Q" * 9 + "\n").encode("utf-16-be"))
    assert {path for path, _, _ in blocked(run)} == {"a.bin", "b.txt", "c.txt"}


def test_names_and_links_are_read_too(run: Run) -> None:
    name = quote(KEY, safe="")
    run.write({f"dir/{name}.txt": "x\n"})
    (run.workspace / "link").symlink_to(f"over/{KEY}")
    found = blocked(run)
    assert ("link", 1, OF_RUN) in found
    assert [detail for path, _, detail in found if path == "dir/***.txt"] == [
        "its name holds a secret of this run"
    ]


@pytest.mark.parametrize("before", [scan._LONGEST_LINE - 20, scan._LONGEST_LINE, 3_000_000])
def test_it_is_found_wherever_a_long_line_is_taken_apart(run: Run, before: int) -> None:
    long = "".join(f"{number:05d}:" for number in range(300))
    run.write({"one-line.js": "x" * before + long + "y" * 2_000_000})
    with pytest.raises(ChangesBlocked, match=r"one-line\.js:1: it holds a secret of this run"):
        record(run, known_secrets=(long,))


@given(st.integers(0, 2**32), st.integers(1, 4000), st.integers(0, 900), st.sampled_from(sorted(HIDDEN)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_boundary_of_lines_or_pieces_hides_one(seed: int, piece: int, before: int, way: str) -> None:
    """However the diff arrives: whole lines, parts of lines, tiny pieces."""
    random = Random(seed)
    key = random.choice(list(KINDS.values()))(random)
    form = random.choice(list(written(key).values()))
    text = "w " * before + HIDDEN[way](form) + "\n" + "end " * (before // 2)
    assert _found(text.encode(), key, piece, searched=random.randrange(1, 300))


@pytest.mark.parametrize("before", range(0, 2600, 130))
def test_it_is_found_wherever_a_line_is_cut_that_is_too_long_to_keep(
    before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_LONGEST_LINE", 1500)
    key = "".join(f"{number:04d}." for number in range(200))
    assert _found(b"x" * before + key.encode() + b"y" * 3000, key, 700, searched=333)


def _found(text: bytes, key: str, piece: int, searched: int) -> bool:
    """Whether ``key`` is found in a new file when its diff comes in pieces, and is searched in others."""
    lines = text.split(b"\n")
    diff = b"+++ b/file.txt\n@@ -0,0 +1,%d @@\n" % len(lines)
    diff += b"".join(b"+" + line + b"\n" for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_secrets, "_PIECE", searched)
        reader = scan._DiffReader(scan.SecretPatterns(), KnownSecrets([key]).search())
        for at in range(0, len(diff), piece):
            reader.feed(diff[at : at + piece])
        reader.end()
    return {found.path for found in reader.findings if found.detail == OF_RUN} == {"file.txt"}


def test_what_was_there_before_and_what_goes_do_not_block(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "o", {"a": f"{KEY}\n1\n", "b": KEY}).repository)
    run.clone()
    run.write({"a": f"{KEY}\n2\n"})
    (run.workspace / "b").unlink()
    assert record(run).commit


@pytest.mark.parametrize("value", ["https://gateway.example.com/v1", "us-east-1", "abc1234", "production"])
def test_what_is_no_secret_does_not_stop_a_push(run: Run, value: str) -> None:
    """An address or a region is kept beside a key; it may well stand in a repository."""
    run.write({"settings.txt": f"value = {value}\n"})
    assert record(run, known_secrets=(value,)).commit


def test_the_push_looks_for_its_own_secrets_in_all_forms(run: Run) -> None:
    run.write({"debug.txt": written(KEY)["base64 at 1"]})
    record(run, known_secrets=())
    run.credentials = GitCredentials(token=KEY)
    with pytest.raises(ChangesBlocked, match=OF_RUN):
        run.push()
    run.credentials = GitCredentials()
    with pytest.raises(ChangesBlocked, match=OF_RUN):
        run.push(known_secrets=(KEY,))


def test_a_branch_is_not_named_after_a_secret(run: Run) -> None:
    run.write({"a": "b"})
    record(run)
    with pytest.raises(UsageError, match="contains a secret") as caught:
        run.push(branch=f"feature/{KEY}", known_secrets=(KEY,))
    assert KEY not in str(caught.value)


def test_messages_and_authors_are_masked(run: Run, tmp_path: Path) -> None:
    run.write({"a": "b"})
    record(run)
    encoded = re.sub("=+$", "", written(KEY)["base64 at 0"])
    facts = run.push(known_secrets=(KEY,), message=f"Use {KEY}\n\nAnd {encoded}\n", author_name=f"Ann {KEY}")
    shown = git(tmp_path / "origin" / "team.git", "log", "-1", "--format=%an %B", facts.commit)
    assert KEY not in shown
    assert encoded[:-4] not in shown
    assert shown.startswith("Ann *** Use ***\n\nAnd ***")


def test_the_search_looks_at_no_byte_again_and_again() -> None:
    """Many short lines are looked at together: each byte a few times, not a thousand times."""
    looked = 0
    search = KnownSecrets([KEY])._redactor
    assert search is not None
    spans = search.spans

    def counting(data: bytes) -> list[tuple[int, int]]:
        nonlocal looked
        looked += len(data)
        return spans(data)

    search.spans = counting  # type: ignore[method-assign]
    lines = search.search()
    found = scan.LineSearch(lines)
    for number in range(20_000):
        assert not list(found.add(("f", number), b"an ordinary line of a file, some fifty characters\n"))
    assert not list(found.end())
    assert looked < 3 * 20_000 * 50 + 200_000
