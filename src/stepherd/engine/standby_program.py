"""A program that has loaded what a task needs before there is a task: this file, MODULE, WORD…, READY.

It imports what MODULE wants for the arguments WORD…, and waits. Its order comes on standard input, as a line
of JSON: {"arguments": […], "environment": {…}}. Then it runs MODULE as ``python -m MODULE ARGUMENT…`` would,
with that environment and nothing else. An input that ends without an order ends it.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from importlib import import_module
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """The program."""
    module, *words, ready = sys.argv[1:]
    sys.path.insert(0, str(Path.cwd()))  # where ``python -m`` looks first
    preload = getattr(import_module(module), "preload", None)
    if preload is not None:
        preload(words)
    order = _order()
    if order is None:
        sys.exit(1)
    Path(ready).touch()
    # Python sets LC_CTYPE as it starts, where no locale is named (PEP 538).
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
    os.environ.clear()
    os.environ.update(coerced | order["environment"])
    sys.argv[1:] = order["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _order() -> dict[str, dict[str, str]] | None:
    """The order; None when whoever should give it is gone. Standard input is empty from then on."""
    line = sys.stdin.buffer.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return json.loads(line) if line.endswith(b"\n") else None


if __name__ == "__main__":
    main()
