"""Notices on a laptop: shown as one paragraph, kept on request, and without the machine part."""

import io
import json
import stat
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from stepherd.errors import CredentialsError, StorageError, UnavailableError
from stepherd.services.notices.console import recorded_notices
from stepherd.services.notices.opening import open_notices

TOKEN = {"task_token": "canary-token"}


def test_a_notice_is_one_clean_paragraph_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    open_notices("console:").publish("Log in", "Open\n\x1b[31mhttps://x\x1b[0m\nand enter ABCD-EFGH", TOKEN)
    shown = capsys.readouterr()
    assert shown.err == "Log in: Open https://x and enter ABCD-EFGH\n"
    assert shown.out == ""


def test_a_notice_is_kept_as_a_line_of_json_without_the_machine_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "new" / "notices.jsonl"
    notices = open_notices(f"console:{record}")
    first = notices.publish("One", "first\nline", TOKEN)
    second = notices.publish("Two", "second \x1b]52;c;x\x07", None)
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [set(line) for line in lines] == [{"time", "id", "subject", "text"}] * 2
    assert [line["id"] for line in lines] == [first, second]
    assert [line["text"] for line in lines] == ["first\nline", "second "]
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in lines)
    assert "canary" not in record.read_text() + capsys.readouterr().err
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert [notice.id for notice in recorded_notices(record)] == [first, second]


def test_a_line_that_a_crash_tore_spoils_neither_reading_nor_the_next_line(tmp_path: Path) -> None:
    record = tmp_path / "n.jsonl"
    record.write_text('{"time": "2026')
    identifier = open_notices(f"console:{record}").publish("After", "the crash", None)
    assert [notice.id for notice in recorded_notices(record)] == [identifier]


def test_no_file_holds_no_notices(tmp_path: Path) -> None:
    assert list(recorded_notices(tmp_path / "absent")) == []


def test_notices_of_many_writers_are_whole_lines(tmp_path: Path) -> None:
    record = tmp_path / "n.jsonl"
    notices = open_notices(f"console:{record}")
    threads = [threading.Thread(target=notices.publish, args=("s", "x" * 9_000, None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({notice.id for notice in recorded_notices(record)}) == 8


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_a_terminal_a_kept_notice_is_enough(
    stream: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed if stream else None)
    assert open_notices(f"console:{tmp_path}/n").publish("a", "b", None)
    with pytest.raises(UnavailableError, match="no terminal"):
        open_notices("console:").publish("a", "b", None)


def test_a_record_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, CredentialsError), match="file/n"):
        open_notices(f"console:{tmp_path}/file/n").publish("a", "b", None)
