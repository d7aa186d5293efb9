"""Finding instructions and freezing them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepherd.errors import DataError, UsageError
from stepherd.runs.instructions import InstructionsNotFound, find_instructions, title_of
from stepherd.services.store.opening import open_store


def folder(tmp_path: Path, **files: str) -> Path:
    root = tmp_path / "asked"
    root.mkdir()
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_file_becomes_the_instructions_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "task.txt"
    path.write_text("Do it")
    store = open_store(str(tmp_path / "store"))
    for reference in (str(path), path.as_uri()):
        found = find_instructions(reference)
        found.freeze(store)
        assert found.text() == "Do it"
        assert [info.key for info in store.list()] == ["instructions.md"]


def test_a_folder_is_frozen_with_all_its_files(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do", "pictures__a.svg": "<svg/>", ".git__config": "x"})
    store = open_store(str(tmp_path / "store"))
    find_instructions(str(root)).freeze(store)
    assert [info.key for info in store.list()] == ["instructions.md", "pictures/a.svg"]


def test_what_changes_after_freezing_does_not_count(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do"})
    store = open_store(str(tmp_path / "store"))
    find_instructions(str(root)).freeze(store)
    (root / "instructions.md").write_text("Do other things")
    assert store.get("instructions.md").body == b"Do"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "the folder has no instructions.md"),
        ({"readme.md": "x"}, "the folder has no instructions.md"),
    ],
)
def test_a_folder_without_instructions_is_said(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(InstructionsNotFound, match=words) as caught:
        find_instructions(str(folder(tmp_path, **files)))
    assert caught.value.exit_code == 66


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "is larger"),
    ],
)
def test_instructions_that_cannot_be_read_are_refused(tmp_path: Path, body: bytes, words: str) -> None:
    path = tmp_path / "i.md"
    path.write_bytes(body)
    with pytest.raises(DataError, match=words):
        find_instructions(str(path)).text()


@pytest.mark.parametrize(
    "reference", ["relative.md", "https://h/x.md", "ftp://h/x", "file://other/x.md", "file:", "", "~/x"]
)
def test_other_references_are_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        find_instructions(reference)


def test_what_is_not_there_is_said_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(InstructionsNotFound, match=r"nothing\.md: there is no such file"):
        find_instructions(str(tmp_path / "nothing.md"))


def test_links_in_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    root = folder(tmp_path, **{"instructions.md": "Do"})
    (root / "link").symlink_to(secret)
    with pytest.raises(DataError, match=r"link cannot be used: it is a link"):
        find_instructions(str(root))


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do"})
    (root / "sub").symlink_to("/etc")
    with pytest.raises(DataError, match="it is a link"):
        find_instructions(str(root))


def test_a_file_that_becomes_a_link_after_it_was_judged_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do", "a.txt": "x"})
    found = find_instructions(str(root))
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="cannot be used"):
        found.read("a.txt")


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do"})
    os.mkfifo(root / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        find_instructions(str(root))


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do"})
    for number in range(501):
        (root / f"{number}.txt").touch()
    with pytest.raises(DataError, match="more than 500 files"):
        find_instructions(str(root))


def test_too_much_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"instructions.md": "Do"})
    with (root / "big").open("wb") as file:
        file.truncate(50 * 1024 * 1024 + 1)
    with pytest.raises(DataError, match="larger than 52,428,800 bytes"):
        find_instructions(str(root))


@pytest.mark.parametrize("reference", ["file:///etc/hostname", "/etc/hostname"])
def test_a_disk_that_is_not_the_askers_is_not_read(reference: str) -> None:
    with pytest.raises(UsageError, match="on a disk that the run cannot read"):
        find_instructions(reference, allow_local=False)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Add a thing\n\nwords", "Add a thing"),
        ("words\n\n## Later\n", "Later"),
        ("\n  just words\nmore", "just words"),
        ("# \x1b[31mred\x1b[0m", "red"),
        ("", ""),
        ("# " + "x" * 100, "x" * 71 + "…"),
    ],
)
def test_the_title_is_the_first_heading_or_line(text: str, title: str) -> None:
    assert title_of(text) == title


def test_what_is_there_and_no_file_is_said_to_be_so(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InstructionsNotFound, match=r"pipe: it is no plain file"):
        find_instructions(str(tmp_path / "pipe"))
