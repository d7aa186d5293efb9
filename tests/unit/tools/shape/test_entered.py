"""The files that a command goes through, in each process that it starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tools.shape.entered import trace

_MAIN = """import os, subprocess, sys, threading
import unused
from before import go
go()
if os.fork() == 0:
    import child
    child.go(), go()
    os._exit(0)
os.wait()
import thread
running = threading.Thread(target=thread.go)
running.start()
running.join()
subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "other.py")], check=True)
"""
_GO = "def go():\n    pass\n"
_CLASS_ALONE = "class C:\n    def never(self):\n        pass\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_files_are_entered_when_a_function_of_theirs_is_called(tmp_path: Path) -> None:
    code, notes = tmp_path / "code", tmp_path / "notes"
    code.mkdir()
    notes.mkdir()
    for name, text in {"main": _MAIN, "unused": _CLASS_ALONE, "other": f"{_GO}go()\n"}.items():
        (code / f"{name}.py").write_text(text)
    for name in ("before", "child", "thread"):
        (code / f"{name}.py").write_text(_GO)
    found = trace([sys.executable, str(code / "main.py")], [code], os.environ, notes)
    assert sorted((_names(one.entered), _names(one.loaded)) for one in found) == [
        (["before", "child"], ["child"]),
        (["before", "thread"], ["before", "main", "thread", "unused"]),
        (["other"], ["other"]),
    ]


def _names(paths: frozenset[str]) -> list[str]:
    return sorted(Path(path).stem for path in paths)
