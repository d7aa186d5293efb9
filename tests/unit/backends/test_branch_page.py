"""The address that a browser is to open comes from the request, never from what an agent can write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepherd.backends import branch_page as module
from stepherd.backends.branch_page import branch_page
from stepherd.runs.folder import run_folder
from stepherd.runs.request import Request
from stepherd.services.store.contract import Store
from stepherd.services.store.opening import open_store


class _Backend:
    def __init__(self, store: Store) -> None:
        self._store = store

    def store(self) -> Store:
        return self._store


def _request(repo: str) -> Request:
    return Request("run_1", "i", repo, None, "b", "command", "true", "m", 60, "branch", None, False, None)


def _backend(tmp_path: Path, repo: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    store = open_store(str(tmp_path / "store"))
    folder = run_folder(store, "run_1")
    digest = folder.write_request(_request(repo))
    folder.write_report({"compare": "https://evil.example/", "branch": "b"}, "")
    monkeypatch.setattr(module, "request_digest", lambda _backend, _run_id: digest)
    return _Backend(store)


@pytest.mark.parametrize(
    ("repo", "page"),
    [
        ("https://github.com/sea/tides.git", "https://github.com/sea/tides/compare/HEAD...b/c?expand=1"),
        ("git@gitlab.example.com:sea/tides.git", "https://gitlab.example.com/sea/tides/-/compare/HEAD...b/c"),
        ("https://forge.example/sea/tides.git", None),
    ],
)
def test_the_page_is_of_the_repository_that_was_asked_for(
    repo: str, page: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert branch_page(_backend(tmp_path, repo, monkeypatch), "run_1", "b/c") == page


def test_a_request_that_was_written_over_has_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = _backend(tmp_path, "https://github.com/sea/tides.git", monkeypatch)
    run_folder(backend.store(), "run_1").write_request(_request("https://github.com/evil/x"))
    assert branch_page(backend, "run_1", "b") is None
