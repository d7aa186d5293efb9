"""What is secret is in no variable that a crash report shows: reports list the variables of each frame."""

from __future__ import annotations

import json
import pickle
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amazon_q_streaming_client import (
    CliDatabaseTokenProvider,
    ClientOptions,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    collect_sync,
    errors,
)
from amazon_q_streaming_client._export_token import ExportTokenProvider

SECRET = "".join(("SEC", "RET"))
ENDS = "2999-01-01T00:00:00+00:00"


def shown(error: BaseException) -> str:
    """The report of an error, without the frames of this file, whose variables are the caller's own."""
    report: list[str] = []
    chain: BaseException | None = error
    while chain is not None:
        trace = traceback.TracebackException.from_exception(chain, capture_locals=True)
        frames = [frame for frame in trace.stack if frame.filename != __file__]
        report += [
            str(chain),
            *(f"{name} = {value}" for frame in frames for name, value in (frame.locals or {}).items()),
        ]
        chain = chain.__cause__ or chain.__context__
    return "\n".join(report)


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(QError) as caught:
        call()
    assert "src" in "".join(traceback.format_tb(caught.value.__traceback__))
    return shown(caught.value)


def token(**fields: Any) -> str:
    document = {"access_token": SECRET, "refresh_token": SECRET, "expires_at": ENDS}
    return json.dumps({**document, **fields})


BAD_ROWS = {
    "no end": json.dumps({"access_token": SECRET}),
    "an end without a zone": token(expires_at="2999-01-01T00:00:00"),
    "an end that is none": token(expires_at="never"),
    "an end that was": token(expires_at="2020-01-01T00:00:00Z"),
    "a line end": token(access_token=f"{SECRET}\r\nx: y"),
    "a number for a token": token(access_token=1),
    "a list for a URL": token(start_url=[1]),
    "no JSON": SECRET + "{",
    "a list": json.dumps([SECRET]),
    "bytes that are no text": SECRET.encode() + b"\xff",
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_login_is_not_in_the_report_and_its_path_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "data.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value)")
        db.execute("INSERT INTO auth_kv VALUES ('codewhisperer:odic:token', ?)", (BAD_ROWS[name],))
    db.close()
    report = failure(CliDatabaseTokenProvider(path).get_token)
    assert SECRET not in report
    assert str(path) in report.splitlines()[0]


def test_a_database_that_fails_half_read_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value)")
        db.execute("INSERT INTO auth_kv VALUES ('codewhisperer:odic:token', ?)", (token(),))
        db.execute("CREATE TABLE state (other TEXT)")
    db.close()
    assert SECRET not in failure(CliDatabaseTokenProvider(path).get_token)


@pytest.mark.parametrize("made", [QStreamingClient, QStreamingClientSync])
@pytest.mark.parametrize("name", ["access_token", "api_key"])
@pytest.mark.parametrize(
    "others",
    [
        {"region": "nowhere"},
        {"timeout": -1},
        {"http_client": object()},
        {"token_provider": object()},
        {"unknown": 1},
        {"suffix": "\n"},
    ],
    ids=str,
)
def test_an_option_that_is_refused_does_not_show_the_token(made: Any, name: str, others: Any) -> None:
    chosen: dict[str, Any] = {**others}
    options = {name: SECRET + chosen.pop("suffix", ""), **chosen}
    assert SECRET not in failure(lambda: made(**options))


@pytest.mark.parametrize(
    "options",
    [{"agent_mode": "\n"}, {"extra_body": {"a": float("nan")}}, {"endpoint": "https://\x7f.example"}],
)
def test_a_request_that_cannot_be_built_does_not_show_the_token(options: dict[str, Any]) -> None:
    mode = options.pop("agent_mode", None)
    endpoint = options.pop("endpoint", "http://127.0.0.1:9")
    chosen = ClientOptions(access_token=SECRET, endpoint=endpoint, retry=RetryPolicy(attempts=1))
    with QStreamingClientSync(**chosen) as client:
        changed = client.with_options(**options)
        report = failure(lambda: collect_sync(changed.generate_assistant_response("q", agent_mode=mode)))
    assert SECRET not in report


@pytest.mark.parametrize("output", [f'{{"accessToken": "{SECRET}\\n"}}', f"{SECRET}{{", f'["{SECRET}"]', ""])
@pytest.mark.parametrize("code", [0, 3])
def test_what_a_command_printed_is_not_in_the_report(tmp_path: Path, output: str, code: int) -> None:
    command = tmp_path / "stepherd"
    command.write_text(f"#!{sys.executable}\nimport sys\nprint({output!r})\nsys.exit({code})\n")
    command.chmod(0o755)
    assert SECRET not in failure(ExportTokenProvider(str(command)).get_token)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_survives_a_pickle_and_shows_its_remedy_in_a_traceback(name: str) -> None:
    error = getattr(errors, name)("what happened", remedy="what to do", request_id="r-1")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.remedy, vars(copy)) == (
        type(error),
        str(error),
        "what to do",
        vars(error),
    )
    assert traceback.format_exception(error)[-1] == "what to do\n"
